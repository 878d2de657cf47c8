"""Roles cover the state dictionary, and parts the parameters: nothing is left out, nothing is there twice."""

from __future__ import annotations

import pytest
import torch

from nas.detectors import PUBLISHED, Network, Scaling, build_detector


def check_cover(detector: Network) -> None:
    state = detector.state_dict()
    rows: dict[str, list[tuple[int, int]]] = {key: [] for key in state}
    for role, weight in detector.roles():
        whole = weight.first is None or weight.last is None
        rows[weight.key].append((0, state[weight.key].shape[0]) if whole else (weight.first, weight.last))  # type: ignore[arg-type]
        dimensions = {"vector": 1, "dense": 2, "roi_dense": 2}.get(weight.axes, 4)
        assert state[weight.key].ndim == dimensions, str(role)
        if weight.axes == "depthwise":
            assert state[weight.key].shape[1] == 1, str(role)
    roles = [role for role, _ in detector.roles()]
    assert len({str(role) for role in roles}) == len(set(roles)) == len(roles)
    for key, ranges in rows.items():
        end = 0
        for first, last in sorted(ranges):
            assert first == end, key
            end = last
        assert end == state[key].shape[0], key


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn", "classifier"])
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_detectors(name: str, head: str) -> None:
    with torch.device("meta"):
        check_cover(build_detector(name, head=head))


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn"])
@pytest.mark.parametrize("separable", [False, True])
def test_other_depths(head: str, separable: bool) -> None:
    scaling = Scaling(width=0.25, head_depth=2, rpn_depth=2, separable=separable, endpoints=8, head_channels=8)
    with torch.device("meta"):
        check_cover(build_detector("spinenet-49", scaling, head, classes=3))
