"""Matching against a plain double loop."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_iou

from nas.detectors.boxes import encode, to_corners
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


def overlaps_plainly(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Intersection over union [M, N] in float64."""
    x1, y1, x2, y2 = (boxes[:, None, k] for k in range(4))
    ax1, ay1, ax2, ay2 = (anchors[None, :, k] for k in range(4))
    wide, high = np.minimum(x2, ax2) - np.maximum(x1, ax1), np.minimum(y2, ay2) - np.maximum(y1, ay1)
    shared = np.maximum(wide, 0) * np.maximum(high, 0)
    return shared / ((x2 - x1) * (y2 - y1) + (ax2 - ax1) * (ay2 - ay1) - shared)


def rounding_may_decide(iou: np.ndarray) -> bool:
    """Whether an overlap is about 0.5, or two that compete are about equal."""
    of_boxes, of_anchors = np.sort(iou, axis=1), np.sort(iou[:, iou.max(axis=0) > 0.4], axis=0)
    tie = (of_boxes[:, -1] - of_boxes[:, -2] < 1e-5).any()
    tie |= len(iou) > 1 and (of_anchors[-1] - of_anchors[-2] < 1e-5).any()
    return bool(tie or (np.abs(iou - 0.5) < 1e-5).any())


def codes_plainly(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """ty, tx, th, tw as the paper writes them."""
    sizes, their_sizes = boxes[:, 2:] - boxes[:, :2], anchors[:, 2:] - anchors[:, :2]
    shifts = ((boxes[:, :2] + boxes[:, 2:]) - (anchors[:, :2] + anchors[:, 2:])) / 2 / their_sizes
    return np.concatenate([shifts[:, ::-1], np.log(sizes / their_sizes)[:, ::-1]], axis=1)


def test_a_thousand_random_targets_are_the_plain_ones() -> None:
    rng, compared = np.random.default_rng(0), 0
    centred = anchor_boxes(((3, (8, 8)), (4, (4, 4)), (5, (2, 2))), 3.0, torch.device("cpu"))
    anchors = ANCHORS.double().numpy()
    while compared < 1000:
        corner = rng.random((rng.integers(1, 7), 2)) * 60
        boxes = np.concatenate([corner, corner + 2 + 60 * rng.random(corner.shape)], axis=1).astype(np.float32)
        iou = overlaps_plainly(boxes.astype(np.float64), anchors)
        if rounding_may_decide(iou):
            continue
        compared += 1
        owner = np.where(iou.max(axis=0) >= 0.5, iou.argmax(axis=0), -1)
        for index in reversed(range(len(boxes))):
            owner[iou[index].argmax()] = index
        matched = match(torch.from_numpy(boxes)[None], ANCHORS)[0]
        assert matched.tolist() == owner.tolist()
        mine = owner >= 0
        found = encode(torch.from_numpy(boxes)[matched[mine]], centred[mine])
        np.testing.assert_allclose(
            found.numpy(), codes_plainly(boxes[owner[mine]], anchors[mine]), atol=2e-6, rtol=1e-5
        )
