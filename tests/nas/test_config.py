"""Overrides are checked against the composed defaults; every refusal is one sentence with what is allowed."""

from dataclasses import asdict

import pytest

from controllers.registry import CONTROLLERS
from nas.config import FOLDER, help_text, load_config, part_names, to_yaml
from nas.datasets.synthetic import SyntheticSettings
from search_spaces.errors import ConfigError

COMMANDS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
PARTS = sorted(path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_composes_and_has_help(command):
    assert to_yaml(load_config(command, []))
    assert help_text(command).startswith(("#", "defaults"))


@pytest.mark.parametrize(("part", "name"), [(part, name) for part in PARTS for name in part_names(part)])
def test_every_part_composes(part, name):
    assert load_config("search", [f"{part}={name}"])[part]["name"]


def test_overrides_arrive():
    config = load_config("search", ["space=toy", "samples=7", "space.level_offsets=[0]", "run='a b'"])
    assert (config["samples"], config["space"]["level_offsets"], config["run"]) == (7, [0], "a b")
    assert config["space"]["name"] == "toy"


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("space=spinnet", "unknown space 'spinnet' .did you mean 'spinenet'.*there are: spinenet, toy"),
        ("controller=pp0", "unknown controller 'pp0' .did you mean 'ppo'"),
        ("proxy=papr", "unknown proxy 'papr' .did you mean 'paper'"),
        ("sampels=3", "unknown key 'sampels' .did you mean 'samples'.*allowed"),
        ("space.stm=[2]", "unknown key 'space.stm' .did you mean 'space.stem'"),
        ("seed.low=3", "unknown key 'seed.low'; seed has no keys"),
        ("samples=many", "samples is 'many'; it must be an integer"),
        ("samples=true", "samples is True; it must be an integer"),
        ("samples=2.5", "samples is 2.5; it must be an integer"),
        ("resume=1", "resume is 1; it must be true or false"),
        ("space.stem=2", "space.stem is 2; it must be a list"),
        ("space.stem=[x]", r"space.stem\[0\] is 'x'; it must be an integer"),
        ("+extra=1", "not supported"),
        ("samples=1,2", "not supported"),
        ("samples", "give key=value"),
        ("run=a=(", "cannot be parsed; quote a value"),
    ],
)
def test_a_bad_override_is_explained(argument, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_config("search", [argument])


def test_the_synthetic_data_s_file_shows_its_defaults():
    settings = load_config("search", ["data=synthetic"])["data"]
    assert {settings.pop("name"), settings.pop("cache_dir")} == {"synthetic", None}
    assert settings == asdict(SyntheticSettings())


@pytest.mark.parametrize("name", part_names("controller"))
def test_a_controller_s_file_shows_its_defaults(name):
    """Every setting is in the file with the code's default, so that the file, the help and the code agree."""
    settings = load_config("search", [f"controller={name}"])["controller"]
    defaults = CONTROLLERS[settings.pop("name")][0]()
    assert settings == asdict(defaults)
