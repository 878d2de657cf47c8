"""Shipped files agree with the code; a user's own file is checked like them."""

from dataclasses import asdict

import pytest

import controllers
import proxies
import search_spaces
from nas.command_line.config import load_config
from nas.command_line.part_files import (
    BORROWED,
    commands,
    default_choices,
    defaults_of,
    examples_of,
    is_own_file,
    kinds_of,
    part_names,
    parts,
    read_own_file,
    read_yaml,
    shipped,
)
from nas.command_line.runners import RUNNERS
from nas.datasets.registry import DATASETS
from nas.training.protocol import PROTOCOLS
from search_spaces.errors import ConfigError

REGISTRIES = {
    "space": search_spaces.SPACES,
    "controller": controllers.CONTROLLERS,
    "proxy": proxies.PROXIES,
    "data": DATASETS,
    "runner": RUNNERS,
    "protocol": PROTOCOLS,
}
SHIPPED = [(part, name) for part in parts() for name in part_names(part)]
NOT_OF_THE_BUILDER = {"kind", "name", "cache_dir", "retries"}


def test_the_files_and_the_registries_know_the_same_kinds():
    assert set(parts()) == set(REGISTRIES)
    for part, registry in REGISTRIES.items():
        assert kinds_of(part) == sorted(registry)


@pytest.mark.parametrize(("part", "name"), SHIPPED)
def test_a_shipped_file_says_its_kind_and_is_called_what_it_is(part, name):
    settings = shipped(part, name)
    assert list(settings)[:2] == ["kind", "name"]
    assert settings["name"] == name
    fields = set(REGISTRIES[part][settings["kind"]].setting_names)
    assert set(settings) - NOT_OF_THE_BUILDER <= fields


@pytest.mark.parametrize(("part", "name"), SHIPPED)
def test_hydra_composes_a_shipped_file_to_the_same_settings(part, name):
    command = "train" if part == "protocol" else "search"
    assert load_config(command, [f"{part}={name}"])[part] == shipped(part, name)


def test_a_proxy_without_training_looks_at_what_the_default_trains_on():
    score, default = shipped("proxy", "zero_cost"), shipped("proxy", "default")
    shared = score.keys() & default.keys() - {"kind", "name"}
    assert {"scaling", "augment", "image_size", "batch_size", "order_seed", "reserved_images"} <= shared
    assert {key: score[key] for key in shared} == {key: default[key] for key in shared}


def test_the_proxy_of_few_steps_trains_as_the_default_does():
    few, default = shipped("proxy", "loss_50"), shipped("proxy", "default")
    assert {**few, "kind": "detection", "name": "default", "steps": None} == {**default, "window": 10}


@pytest.mark.parametrize(
    ("part", "name"),
    [("space", "spinenet"), ("data", "synthetic"), *(("controller", n) for n in part_names("controller"))],
)
def test_a_shipped_file_shows_the_code_s_defaults(part, name):
    """So that the file, the help and the code agree."""
    settings = shipped(part, name)
    defaults = asdict(REGISTRIES[part][settings["kind"]].settings_type())
    tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
    assert {key: value for key, value in tuples.items() if key not in NOT_OF_THE_BUILDER} == {
        key: value for key, value in defaults.items() if key != "name"
    }


def test_the_toy_file_is_the_toy_space():
    assert search_spaces.build(**shipped("space", "toy")) == search_spaces.build("toy")


def test_every_default_choice_exists():
    for command in commands():
        for part, name in default_choices(command).items():
            assert name in part_names(part) or (name is None and part in BORROWED)


@pytest.mark.parametrize(
    ("part", "kind", "name"),
    [
        ("space", "scale_permuted", "spinenet"),
        ("controller", "reinforce", "reinforce"),
        ("proxy", "detection", "default"),
        ("proxy", "synthetic", "synthetic"),
        ("data", "coco", "coco"),
    ],
)
def test_the_defaults_of_a_kind(part, kind, name):
    assert defaults_of(part, kind) == shipped(part, name)
    defaults_of(part, kind).clear()
    assert defaults_of(part, kind)


def test_examples_have_null_where_any_shipped_file_has():
    examples = examples_of("proxy", "detection")
    assert examples["warmup_steps"] == 20
    assert examples["optimiser"]["momentum"] == 0.9
    assert examples["optimiser"]["ema_decay"] is None, "as in paper.yaml"


@pytest.mark.parametrize(
    ("choice", "own"), [("my.yaml", True), ("a/b.yml", True), ("paper", False), ("a/b", False), (None, False)]
)
def test_a_file_is_known_by_its_ending(choice, own):
    assert is_own_file(choice) is own


def test_a_file_may_leave_all_but_its_kind_out(tmp_path):
    path = tmp_path / "my_proxy.yaml"
    path.write_text("kind: detection\nscaling: {width: 0.5}\n")
    defaults = defaults_of("proxy", "detection")
    assert read_own_file("proxy", path) == {
        **defaults,
        "name": "my_proxy",
        "scaling": {**defaults["scaling"], "width": 0.5},
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "there is no such file; without one there are: default, grad_norm, jacov, "),
        ("", "it holds no settings; it must have lines of the form KEY: VALUE."),
        ("- kind\n", "it holds no settings; it must have lines of the form KEY: VALUE."),
        ("just words\n", "kind is missing; it says what is built: detection, loss, synthetic, zero_cost."),
        ("steps: 5\n", "kind is missing; it says what is built: detection, loss, synthetic, zero_cost."),
        (
            "kind: detektion\n",
            "unknown proxy kind 'detektion' (did you mean 'detection'?); there are: detection, loss, synthetic, ",
        ),
        ("kind: [a]\n", "unknown proxy kind ['a']; there are: detection, loss, synthetic, zero_cost."),
        ("kind: detection\nname: 5\n", "name is 5; it must be a text, or left out to be the file's name."),
        ("kind: detection\nname: ''\n", "name is ''; it must be a text, or left out to be the file's name."),
        (
            "kind: synthetic\nnoise: 1\nnois: 1\n",
            "unknown key 'nois' (did you mean 'noise'?); allowed: delay, fail_rate, ",
        ),
        (
            "kind: detection\noptimiser: {kindd: sgd}\n",
            "unknown key 'optimiser.kindd' (did you mean 'optimiser.kind'?); ",
        ),
        ("kind: detection\noptimiser: null\n", "optimiser is null; it must be a group of settings: kind, momentum, "),
        (
            "kind: detection\noptimiser: adamw\n",
            "optimiser is 'adamw'; it must be a group of settings: kind, momentum, ",
        ),
        ("kind: detection\nkind: synthetic\n", "it is not valid YAML in line 2 (found duplicate key kind)."),
        ("kind: [\n", "it is not valid YAML in line 2 (expected the node content, but found '<stream end>')."),
        (b"kind: \xff\n", "it cannot be read ("),
    ],
)
def test_a_bad_file_is_named_with_what_would_be_right(tmp_path, text, sentence):
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read_own_file("proxy", path)
    assert str(caught.value).startswith(f"proxy file {path}: {sentence}")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"settings: it cannot be read \(.*directory"):
        read_yaml(tmp_path, "settings")


def test_a_borrowed_part_takes_the_files_of_the_other():
    for part, other in BORROWED.items():
        assert part_names(part) == part_names(other)
        assert kinds_of(part) == kinds_of(other)
        assert all(defaults_of(part, kind) == defaults_of(other, kind) for kind in kinds_of(part))
