"""Widths and the like, read off shapes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from nas.checkpoints.infer import check_given, infer_scaling, infer_width
from nas.detectors import PUBLISHED, Scaling, build_detector
from nas.detectors.backbones import FAMILIES
from nas.detectors.detector import Network
from nas.detectors.parts import Role
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError

ARCHITECTURES = {name: search_spaces.load(name) for name in ("spinenet-49", "spinenet-mobile-49", "r50-fpn")}


def shapes_of(detector: Network) -> dict[Role, tuple[int, ...]]:
    """Role -> shape, as a checkpoint would have it."""
    state = detector.state_dict()
    found = {}
    for role, weight in detector.roles():
        shape = tuple(state[weight.key].shape)
        found[role] = shape if weight.first is None or weight.last is None else (weight.last - weight.first, *shape[1:])
    return found


def skeleton(architecture: Architecture, scaling: Scaling, head: str = "retinanet", classes: int = 91) -> Network:
    with torch.device("meta"):
        return build_detector(architecture, scaling, head, classes)


@pytest.mark.parametrize("name", ["spinenet-49", "spinenet-mobile-49", "r50-fpn"])
@pytest.mark.parametrize("width", [0.15, 0.25, 0.6, 0.65, 1.0, 1.3])
def test_width_is_recovered(name: str, width: float) -> None:
    detector = skeleton(ARCHITECTURES[name], Scaling(width=width, head_depth=1))
    assert infer_width(shapes_of(detector), ARCHITECTURES[name]) == width


@pytest.mark.parametrize("name", sorted(PUBLISHED))
@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn"])
def test_published_scalings_are_recovered(name: str, head: str) -> None:
    architecture_name, scaling = PUBLISHED[name].for_head(head)
    architecture = search_spaces.load(architecture_name)
    fields, classes = infer_scaling(
        shapes_of(skeleton(architecture, scaling, head)), architecture, head, 9 if head == "retinanet" else 3
    )
    assert classes == 91
    assert fields["width"] == scaling.width
    assert {key: getattr(scaling, key) for key in fields} == fields


@settings(max_examples=10, deadline=None)
@given(
    name=st.sampled_from(["spinenet-49", "spinenet-mobile-49"]),
    width=st.integers(13, 200).map(lambda value: value / 100),
    alpha=st.sampled_from([0.25, 0.5, 0.75, 1.0]),
    endpoints=st.integers(1, 40),
    head_channels=st.integers(1, 40),
    separable=st.booleans(),
    classes=st.integers(2, 20),
)
def test_what_is_found_builds_the_same_shapes(
    name: str, width: float, alpha: float, endpoints: int, head_channels: int, separable: bool, classes: int
) -> None:
    architecture = ARCHITECTURES[name]
    scaling = Scaling(width, alpha, endpoints=endpoints, head_channels=head_channels, head_depth=1, separable=separable)
    shapes = shapes_of(skeleton(architecture, scaling, classes=classes))
    fields, found_classes = infer_scaling(shapes, architecture, "retinanet", 9)
    assert found_classes == classes
    assert shapes_of(skeleton(architecture, dataclasses.replace(scaling, **fields), classes=classes)) == shapes
    assert len(str(fields["width"])) <= len(str(width))  # no less round than the one that made them


def test_no_width_fits() -> None:
    architecture = ARCHITECTURES["spinenet-49"]
    shapes = shapes_of(skeleton(architecture, Scaling(head_depth=0)))
    output = architecture.outputs[5]
    shapes[Role("block", "expand", "kernel", node=output, index=0)] = (999, 256, 1, 1)
    with pytest.raises(ConfigError, match="no width gives the channels of all its layers"):
        infer_width(shapes, architecture)


def test_given_values_must_agree() -> None:
    architecture, found = ARCHITECTURES["spinenet-49"], {"width": 0.25, "alpha": 0.5, "repeats": 1, "classes": 7}
    check_given({"width": 0.2501, "alpha": None, "repeats": 1, "activation": "swish"}, found, architecture)
    assert {int(base * 0.2501) for base in FAMILIES["spinenet"].widths.values()} == {8, 16, 32, 64}
    for name, value in {"width": 0.3, "alpha": 1.0, "repeats": 2, "classes": 91}.items():
        with pytest.raises(ConfigError, match=rf"{name} is {value}; the checkpoint's shapes say {found[name]}"):
            check_given({name: value}, found, architecture)


@pytest.mark.parametrize("value", ["0.25", True, [0.25]])
def test_given_values_of_other_types_do_not_agree(value: object) -> None:
    with pytest.raises(ConfigError, match="width is"):
        check_given({"width": value}, {"width": 0.25}, ARCHITECTURES["spinenet-49"])
