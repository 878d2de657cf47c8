"""build_detector: names, files, and sentences for what cannot be built."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import search_spaces
from nas.detectors import PROXY, PUBLISHED, Scaling, build_detector
from search_spaces.errors import ArchitectureError, ConfigError


def test_a_name_brings_its_scaling() -> None:
    with torch.device("meta"):
        detector = build_detector("spinenet-96")
    assert detector.scaling == PUBLISHED["spinenet-96"].scaling.resolved("retinanet")
    assert detector.architecture == search_spaces.load("spinenet-49")
    assert detector.classes == 91


def test_a_scaling_given_goes_before_the_names_own() -> None:
    assert build_detector("spinenet-190", PROXY, classes=4).scaling == PROXY


def test_a_file_is_an_architecture(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(search_spaces.load("r0-sp53").to_json())
    with torch.device("meta"):
        detector = build_detector(path)
    assert detector.architecture.fingerprint == search_spaces.load("r0-sp53").fingerprint
    assert detector.scaling == Scaling().resolved("retinanet")


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"architecture": "spinenet-94"}, ArchitectureError, "spinenet-94.*did you mean"),
        ({"architecture": "missing.json"}, ArchitectureError, "missing.json"),
        ({"architecture": "spinenet-49", "head": "ssd"}, ConfigError, "ssd.*retinanet"),
        ({"architecture": "spinenet-49", "classes": 1}, ConfigError, "classes is 1"),
        ({"architecture": "spinenet-49", "classes": "5"}, ConfigError, "classes is '5'"),
    ],
)
def test_what_cannot_be_built_is_said(arguments: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        build_detector(**arguments)  # type: ignore[arg-type]


def test_a_name_brings_the_scaling_of_its_head() -> None:
    with torch.device("meta"):
        small = build_detector("spinenet-49s", head="mask_rcnn")
        baseline = build_detector("r50-fpn", head="mask_rcnn")
        mobile = build_detector("spinenet-mobile-49xs")
    assert small.scaling.fc_channels == 512
    assert baseline.levels == (2, 3, 4, 5, 6)
    assert (mobile.scaling.separable, mobile.scaling.activation, mobile.scaling.endpoints) == (True, "swish", 24)
