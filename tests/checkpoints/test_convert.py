"""A checkpoint is converted whole, or one sentence says why not."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import nas
import nas.convert as command
import search_spaces
from nas.checkpoints import SOURCES, convert
from nas.checkpoints.convert import convert_arrays
from nas.command_line import run_command
from nas.detectors import build_detector
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError
from search_spaces.settings import as_yaml
from tests.checkpoints.parity_fixtures import NAMES, Fixture, converted, load

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
OTHER_WIRING = "r0-sp53"


def without(arrays: Mapping[str, np.ndarray], *keys: str) -> dict[str, np.ndarray]:
    return {key: value for key, value in arrays.items() if key not in keys}


def as_file(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the fixture's source read the fixture, whatever the path."""
    source = dataclasses.replace(SOURCES[fixture.source], read=lambda path: dict(fixture.checkpoint))
    monkeypatch.setitem(SOURCES, fixture.source, source)


@pytest.mark.parametrize("name", NAMES)
def test_another_wiring_is_refused(name: str) -> None:
    fixture = load(name)
    family = fixture.architecture.family
    other = {"spinenet": OTHER_WIRING, "mobile": "spinenet-49", "resnet-fpn": "r101-fpn"}[family]
    with pytest.raises(ConfigError, match=r"^checkpoint: [^\n]+\.$"):
        convert_arrays(fixture.source, fixture.weights, search_spaces.load(other), fixture.head)


@pytest.mark.parametrize("name", ["retinanet", "tpu_retinanet"])
def test_one_other_parent_is_refused(name: str) -> None:
    """SpineNet-49 with a parent of another level exchanged: the same blocks, so only a connection can tell."""
    fixture = load(name)
    data = fixture.architecture.to_dict()
    assert data["blocks"][6]["parents"] == [6, 7]
    data["blocks"][6]["parents"] = [6, 4]
    other = Architecture.from_dict(data)
    with pytest.raises(ConfigError, match=r"^checkpoint: "):
        convert_arrays(fixture.source, fixture.weights, other, fixture.head)


@pytest.mark.parametrize(
    ("given_setting", "found"),
    [
        *[({"width": 0.25}, "0.05"), ({"alpha": 1.0}, "0.5"), ({"repeats": 2}, "1"), ({"head_depth": 4}, "2")],
        *[({"endpoints": 256}, "8"), ({"head_channels": 64}, "8"), ({"separable": True}, "false")],
    ],
)
def test_a_given_setting_that_the_shapes_contradict(given_setting: dict[str, Any], found: str) -> None:
    (name, value), *_ = given_setting.items()
    with pytest.raises(ConfigError, match=rf"^{name} is {as_yaml(value)}; the checkpoint's shapes say {found}"):
        load("retinanet").convert(**given_setting)


def test_contradicting_classes() -> None:
    fixture = load("retinanet")
    with pytest.raises(ConfigError, match="classes is 91; the checkpoint's shapes say 2"):
        convert_arrays(fixture.source, fixture.weights, fixture.architecture, fixture.head, classes=91)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_any_missing_key_is_named_or_shows_as_another_structure(name: str, data: st.DataObject) -> None:
    fixture = load(name)
    key = data.draw(st.sampled_from(sorted(fixture.weights)))
    with pytest.raises(ConfigError, match=r"^checkpoint: [^\n]+\.$"):
        fixture.convert(without(fixture.weights, key))


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_is_named(name: str) -> None:
    fixture = load(name)
    with pytest.raises(ConfigError, match="1 keys without a place: extra/kernel; 0 places without a key"):
        fixture.convert({**fixture.weights, "extra/kernel": np.zeros(3, np.float32)})


def test_missing_and_unknown_keys_are_both_listed() -> None:
    fixture = load("maskrcnn")
    missing, renamed = f"mask_head/_deconv/bias{SUFFIX}", f"mask_head/_deconv/offset{SUFFIX}"
    arrays = {renamed if key == missing else key: value for key, value in fixture.weights.items()}
    with pytest.raises(ConfigError) as error:
        fixture.convert(arrays)
    assert (
        f"1 keys without a place: {renamed.removesuffix(SUFFIX)}; 1 places without a key: mask_head.deconv.bias."
        in str(error.value)
    )
    assert "another architecture or head" in str(error.value)


def test_every_key_without_a_place_is_listed() -> None:
    fixture = load("retinanet")
    extra = {f"extra{number:03}": np.zeros(1, np.float32) for number in range(50)}
    with pytest.raises(ConfigError) as error:
        fixture.convert({**fixture.weights, **extra})
    assert "50 keys without a place" in str(error.value)
    assert all(name in str(error.value) for name in extra)


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_of_another_shape_is_named(name: str) -> None:
    fixture = load(name)
    key = next(key for key in sorted(fixture.weights) if key.removesuffix(SUFFIX).endswith("moving_mean"))
    with pytest.raises(ConfigError, match=r"1 of its weights have other shapes .*\.mean \[999\] instead of \[\d+\]"):
        fixture.convert({**fixture.weights, key: np.zeros(999, np.float32)})


@pytest.mark.parametrize(("name", "head"), [("retinanet", "mask_rcnn"), ("maskrcnn", "retinanet")])
@pytest.mark.parametrize("prefix", ["", "tpu_"])
def test_weights_of_another_head(name: str, head: str, prefix: str) -> None:
    fixture = load(prefix + name)
    with pytest.raises(ConfigError, match=r"^checkpoint: [^\n]+\.$"):
        convert_arrays(fixture.source, fixture.weights, fixture.architecture, head)


@pytest.mark.parametrize("name", ["retinanet", "tpu_retinanet"])
def test_weights_of_another_source(name: str) -> None:
    fixture = load(name)
    other = {"model_garden": "tpu", "tpu": "model_garden"}[fixture.source]
    with pytest.raises(ConfigError, match=r"^checkpoint: [^\n]+\.$"):
        convert_arrays(other, fixture.weights, fixture.architecture, fixture.head)


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_the_checkpoint_is_used_once(name: str) -> None:
    """Nothing is skipped, doubled or made up: the detector's numbers are the checkpoint's, all of them."""
    ours = np.concatenate([value.numpy().ravel() for value in converted(name).state_dict().values()])
    theirs = np.concatenate([value.ravel() for value in load(name).weights.values()])
    np.testing.assert_array_equal(np.sort(ours), np.sort(theirs))


@pytest.mark.parametrize("name", ["retinanet", "tpu_retinanet"])
def test_training_state_is_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fixture = load(name)
    assert len(fixture.checkpoint) > len(fixture.weights)
    as_file(fixture, monkeypatch)
    detector = convert(fixture.source, "anything", fixture.architecture, settings=fixture.trusted)
    assert not detector.training
    for key, value in converted(name).state_dict().items():
        assert torch.equal(detector.state_dict()[key], value)


def test_unknown_source_and_head() -> None:
    with pytest.raises(ConfigError, match=r"unknown source 'modelgarden' .did you mean 'model_garden'"):
        convert("modelgarden", "x", "spinenet-49")
    with pytest.raises(ConfigError, match="head 'classifier' cannot be converted; there are: retinanet, mask_rcnn"):
        convert("tpu", "x", "spinenet-49", head="classifier")


def test_a_setting_that_does_not_exist() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'widht'"):
        load("retinanet").convert(widht=1.0)


def test_a_setting_out_of_range_is_refused_before_it_is_compared() -> None:
    with pytest.raises(ConfigError, match=r"^width is 1e\+307; it must be above 0 and at most 10000\.$"):
        load("retinanet").convert(width=1e307)


def test_the_command_writes_what_load_detector_reads(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fixture, out = load("mobile"), tmp_path / "weights.safetensors"
    as_file(fixture, monkeypatch)
    arguments = ["source=model_garden", "checkpoint=ckpt", "arch=spinenet-mobile-49", f"out={out}"]
    assert run(arguments, monkeypatch) == 0
    printed = capsys.readouterr().out
    assert "width 0.15" in printed
    assert "2 classes" in printed
    detector = nas.load_detector(out)
    with torch.no_grad():
        ours, expected = detector(fixture.image), converted("mobile")(fixture.image)
    assert all(torch.equal(ours["class"][level], expected["class"][level]) for level in detector.levels)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["source=tpu", "arch=spinenet-49", "out=x.safetensors"], "checkpoint is missing"),
        (["source=tpu", "arch=spinenet-49", "checkpoint=c", "out=x.pt"], "must end in .safetensors"),
        (["source=tup", "arch=spinenet-49", "checkpoint=c", "out=x.safetensors"], "unknown source 'tup'"),
        (["source=tpu", "arch=nothing", "checkpoint=c", "out=x.safetensors"], "unknown architecture 'nothing'"),
        (["source=tpu", "arch=spinenet-49", "checkpoint=/no/c", "out=x.safetensors"], "there are no files c.index"),
        (["source=mmdet", "arch=spinenet-49", "checkpoint=/no/c", "out=x.safetensors"], "there is no such file"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, monkeypatch) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_wrong_architecture_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    as_file(load("retinanet"), monkeypatch)
    out = tmp_path / "weights.safetensors"
    assert run(["source=model_garden", "arch=spinenet-mobile-49", "checkpoint=c", f"out={out}"], monkeypatch) == 2
    assert capsys.readouterr().err.startswith("error: checkpoint: ")
    assert not out.exists()


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["convert", *arguments])
    return run_command("convert", command.__doc__ or "", command.run)


def test_a_fresh_detector_has_other_numbers() -> None:
    """What the tests above compare is not what any detector of that shape would have."""
    detector = converted("retinanet")
    fresh = build_detector(detector.architecture, detector.scaling, "retinanet", detector.classes).state_dict()
    key = "backbone.stem.conv.weight"
    assert not torch.allclose(fresh[key], detector.state_dict()[key])
