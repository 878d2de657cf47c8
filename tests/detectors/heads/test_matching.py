"""Matching against a plain double loop."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_iou

from nas.detectors.boxes import to_corners
from nas.detectors.heads.anchors import anchor_boxes
from nas.detectors.heads.matching import match, pad_targets

ANCHORS = to_corners(anchor_boxes(((3, (8, 8)), (4, (4, 4)), (5, (2, 2))), 3.0, torch.device("cpu")))
coordinates = st.integers(0, 63)
box = st.tuples(coordinates, coordinates, st.integers(1, 64), st.integers(1, 64))


def tensor_of(found: list[tuple[int, ...]]) -> torch.Tensor:
    return torch.tensor([[x, y, x + w, y + h] for x, y, w, h in found], dtype=torch.float32).reshape(-1, 4)


def match_slowly(boxes: torch.Tensor) -> list[int]:
    iou = box_iou(boxes, ANCHORS)
    matched = [-1] * len(ANCHORS)
    for anchor in range(len(ANCHORS)):
        if iou[:, anchor].max() >= 0.5:
            matched[anchor] = int(iou[:, anchor].argmax())
    for index in reversed(range(len(boxes))):
        matched[int(iou[index].argmax())] = index
    return matched


@settings(max_examples=40, deadline=None)
@given(st.lists(box, min_size=1, max_size=5))
def test_matching_is_best_anchor_and_threshold(found: list[tuple[int, ...]]) -> None:
    boxes = tensor_of(found)
    assert match(boxes.unsqueeze(0), ANCHORS)[0].tolist() == match_slowly(boxes)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.lists(box, max_size=4), min_size=1, max_size=3))
def test_padding_matches_nothing(images: list[list[tuple[int, ...]]]) -> None:
    targets = [{"boxes": tensor_of(found), "labels": torch.ones(len(found), dtype=torch.int64)} for found in images]
    boxes, labels = pad_targets(targets)
    together = match(boxes, ANCHORS)
    assert labels.shape == boxes.shape[:2]
    for found, row in zip(images, together):
        assert row.tolist() == (match_slowly(tensor_of(found)) if found else [-1] * len(ANCHORS))


def test_a_box_without_area_matches_nothing() -> None:
    assert (match(torch.tensor([[[5.0, 5.0, 5.0, 40.0]]]), ANCHORS) == -1).all()
