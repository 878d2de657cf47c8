"""Slots cover the state dictionary: no weight is without a role, none has two."""

from __future__ import annotations

import pytest
import torch

import search_spaces
from nas.checkpoints.slots import slots
from nas.detectors import PUBLISHED, Scaling, build_detector
from nas.detectors.detector import Detector


def check_cover(detector: Detector) -> None:
    state = detector.state_dict()
    rows: dict[str, list[tuple[int, int]]] = {key: [] for key in state}
    for name, slot in slots(detector).items():
        whole = slot.first is None or slot.last is None
        rows[slot.key].append((0, state[slot.key].shape[0]) if whole else (slot.first, slot.last))  # type: ignore[arg-type]
        dimensions = {"vector": 1, "dense": 2, "roi_dense": 2}.get(slot.kind, 4)
        assert state[slot.key].ndim == dimensions, name
        assert (slot.kind == "depthwise") == (
            dimensions == 4 and state[slot.key].shape[1] == 1 and "depthwise" in name
        ) or (".down" in name)
    for key, ranges in rows.items():
        end = 0
        for first, last in sorted(ranges):
            assert first == end, key
            end = last
        assert end == state[key].shape[0], key


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn", "classifier"])
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_detectors(name: str, head: str) -> None:
    if head == "classifier" and name.startswith("r") and name.endswith("fpn"):
        architecture, scaling = search_spaces.load("spinenet-49"), Scaling(repeats=2)  # a pyramid has no classifier
    else:
        architecture_name, scaling = PUBLISHED[name].for_head(head)
        architecture = search_spaces.load(architecture_name)
    with torch.device("meta"):
        check_cover(build_detector(architecture, scaling, head))


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn"])
@pytest.mark.parametrize("separable", [False, True])
def test_other_depths(head: str, separable: bool) -> None:
    scaling = Scaling(width=0.25, head_depth=2, rpn_depth=2, separable=separable, endpoints=8, head_channels=8)
    with torch.device("meta"):
        check_cover(build_detector("spinenet-49", scaling, head, classes=3))
