"""The runners of a search, with their settings checked before anything runs."""

import functools
import subprocess
import sys

import pytest
import torch

from nas.command_line.config import load_config
from nas.command_line.part_files import part_names
from nas.command_line.runners import RUNNERS, make_runner, worker_count
from nas.engine.loop import run_serial
from search_spaces.errors import ConfigError


@pytest.fixture(autouse=True)
def same_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", part_names("runner"))
def test_every_shipped_runner_is_made(name):
    assert callable(make_runner(load_config("search", [f"runner={name}"])))


def test_the_serial_runner_sets_the_threads_at_once():
    assert make_runner(load_config("search", ["runner=serial", "runner.threads=2"])) is run_serial
    assert torch.get_num_threads() == 2


def test_the_ray_runner_has_its_settings():
    runner = make_runner(load_config("search", ["runner=ray", "runner.workers=3", "runner.retries=7"]))
    assert isinstance(runner, functools.partial)
    assert runner.keywords["settings"] == RUNNERS["ray"].settings_type(workers=3)


@pytest.mark.parametrize(
    ("name", "settings", "sentence"),
    [
        ("serial", {"threads": 0}, r"^runner\.threads is 0; it must be at least 1\.$"),
        (
            "serial",
            {"asha": True},
            "runner.asha is true, and only Ray Tune stops trials early; give runner=ray beside it",
        ),
        ("ray", {"asha": 1}, "runner.asha is 1; it must be true or false"),
        ("ray", {"asha_first": 1.0}, r"^runner\.asha_first is 1.0; it must be above 0 and below 1\.$"),
        ("ray", {"asha_keep": 1}, r"^runner\.asha_keep is 1; it must be at least 2\.$"),
        ("ray", {"workers": 0}, r"^runner\.workers is 0; it must be at least 1\.$"),
        ("ray", {"address": "here"}, r"^runner\.address is 'here'; it must be host:port of a Ray cluster or null\.$"),
        ("serial", {"threds": 2}, r"unknown runner setting 'threds' \(did you mean 'threads'\?\); there are: threads"),
        ("ray", {"workers": "x"}, "runner.workers is 'x'; it must be an integer or null"),
        ("ray", {"kind": "rey"}, r"unknown runner 'rey' \(did you mean 'ray'\?\); there are: ray, serial"),
    ],
)
def test_bad_settings_are_refused(name, settings, sentence):
    config = load_config("search", [f"runner={name}"])
    config["runner"] = {**config["runner"], **settings}
    with pytest.raises(ConfigError, match=sentence):
        make_runner(config)


def test_the_serial_runner_imports_no_ray():
    code = (
        "import sys\n"
        "from nas.command_line.config import load_config\n"
        "from nas.command_line.runners import make_runner\n"
        "make_runner(load_config('search', ['runner=serial'])); assert 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["runner=serial"], 1),
        (["runner=ray", "runner.workers=3", "runner.cpus_per_trial=2", "runner.gpus_per_trial=0"], 3),
        (["runner=ray", "runner.address=10.0.0.1:6379"], None),
    ],
)
def test_how_many_trials_run_at_a_time(arguments, count):
    assert worker_count(load_config("search", arguments)) == count
