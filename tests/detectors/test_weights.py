"""Weights in a file: the same detector comes back, and anything else is one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

import nas
from nas.detectors import Scaling, build_detector, load_detector, save_detector, weights
from nas.detectors.weights import TrainedOn, describe, read_trained_on
from search_spaces.errors import ConfigError, FileError

TINY = Scaling(
    width=0.1,
    endpoints=8,
    head_channels=8,
    head_depth=1,
    activation="swish",
    convention="model_garden",
    anchor_size=4.0,
)


def write(path: Path) -> Path:
    torch.manual_seed(0)
    save_detector(build_detector("spinenet-49", TINY, classes=4), path, source="a test")
    return path


def test_the_same_detector_comes_back(tmp_path: Path) -> None:
    detector = load_detector(write(tmp_path / "folder" / "weights.safetensors"))
    torch.manual_seed(0)
    original = build_detector("spinenet-49", TINY, classes=4).eval()
    assert (detector.architecture, detector.scaling, detector.classes) == (
        original.architecture,
        original.scaling,
        original.classes,
    )
    image = torch.randn(1, 3, 128, 128)
    for level, x in original(image)["class"].items():
        torch.testing.assert_close(detector(image)["class"][level], x)
    assert not detector.training
    assert nas.load_detector is load_detector


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "weights.safetensors")
    before = path.read_bytes()

    def full_disk(tensors: object, file: Path, metadata: object) -> None:
        file.write_bytes(b"half")
        raise SafetensorError("No space left on device")

    monkeypatch.setattr(weights, "save_file", full_disk)
    with pytest.raises(FileError, match=r"weights\.safetensors: the file cannot be written \(No space"):
        write(path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(path.name, before)]


def test_weights_of_another_architecture_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "weights.safetensors")
    with torch.device("meta"):
        other = build_detector("r0-sp53", TINY, classes=4)

    save_file(load_file(path), path, {"detector": json.dumps(describe(other))})
    with pytest.raises(ConfigError, match=r"another architecture.*without a weight.*without a place"):
        load_detector(path)


def test_another_width_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "weights.safetensors")
    tensors = load_file(path)
    name = "backbone.stem.conv.norm.weight"
    tensors[name] = tensors[name][:5].clone()

    save_file(tensors, path, {"detector": json.dumps(describe(build_detector("spinenet-49", TINY, classes=4)))})
    with pytest.raises(ConfigError, match=rf"{name} has shape \[5\].*\[64\]"):
        load_detector(path)


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", None])
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"weights\.safetensors"):
        load_detector(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (None, "does not say what detector"),
        ({"schema_version": 2}, "schema_version is 2"),
        ({"head": "ssd"}, "head"),
        ({"scaling": {"width": -1.0}}, r"^weights .*weights\.safetensors: scaling\.width is -1\.0; it must be above 0"),
        ({"scaling": {"widht": 1.0}}, r"^weights .*: unknown scaling setting .widht. .did you mean .width"),
    ],
)
def test_a_wrong_description_is_named(tmp_path: Path, change: dict[str, object] | None, words: str) -> None:

    path = write(tmp_path / "weights.safetensors")
    description = describe(build_detector("spinenet-49", TINY, classes=4))
    metadata = {} if change is None else {"detector": json.dumps({**description, **change})}
    save_file(load_file(path), path, metadata)
    with pytest.raises(ConfigError, match=words):
        load_detector(path)


def test_what_a_detector_was_trained_on_comes_back(tmp_path: Path) -> None:
    told = TrainedOn(("red cell", "größe", ""), 320)
    path = tmp_path / "weights.safetensors"
    save_detector(build_detector("spinenet-49", TINY, classes=4), path, trained_on=told)
    assert read_trained_on(path) == told
    with_threshold = replace(told, threshold=0.35)
    save_detector(build_detector("spinenet-49", TINY, classes=4), path, trained_on=with_threshold)
    assert read_trained_on(path) == with_threshold
    assert read_trained_on(write(tmp_path / "untold.safetensors")) is None


@pytest.mark.parametrize(
    "told",
    [
        "no JSON",
        "[]",
        '{"class_names": [1], "image_size": 3}',
        '{"class_names": ["a"]}',
        '{"class_names": ["a"], "image_size": 3, "threshold": 7}',
        '{"class_names": ["a"], "image_size": 3, "threshold": "high"}',
    ],
)
def test_a_broken_description_of_the_training_is_named(tmp_path: Path, told: str) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"trained_on": told})
    with pytest.raises(ConfigError, match="trained_on must be an object of class_names"):
        read_trained_on(path)
