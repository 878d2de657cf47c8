"""From raw outputs to detections."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor

from nas.detectors.boxes import decode, to_corners
from nas.detectors.detections import DetectionSettings
from nas.detectors.heads.postprocess import pairs_above, postprocess, select_detections
from tests.detectors.heads.support import ANCHORS, SIZE, logits_with, random_case

Box = tuple[float, float, float, float]


def run(scores: dict[tuple[int, int], float], **settings: float) -> dict[str, torch.Tensor]:
    codes = torch.zeros(1, len(ANCHORS), 4)
    (found,) = postprocess(logits_with(scores), codes, ANCHORS, SIZE, DetectionSettings(**settings))  # type: ignore[arg-type]
    return found


def test_overlapping_boxes_of_one_class_are_one_detection() -> None:
    found = run({(0, 1): 0.9, (3, 1): 0.8, (0, 2): 0.7, (9 * 10, 1): 0.6})
    assert found["labels"].tolist() == [1, 2, 1]
    torch.testing.assert_close(found["scores"], torch.tensor([0.9, 0.7, 0.6]))
    torch.testing.assert_close(found["boxes"][0], to_corners(ANCHORS)[0].clamp(0, 64))


def test_the_background_is_never_detected() -> None:
    assert len(run({(0, 0): 0.99})["scores"]) == 0


def test_low_scores_are_dropped() -> None:
    assert len(run({(0, 1): 0.04, (30, 1): 0.06})["scores"]) == 1
    assert len(run({(0, 1): 0.04, (30, 1): 0.06}, score_threshold=0.01)["scores"]) == 2


def test_numbers_are_limited() -> None:
    scores = {(9 * position, 1): 0.5 + 0.01 * position for position in range(16)}
    assert len(run(scores, detections=5)["scores"]) == 5
    torch.testing.assert_close(run(scores, candidates=2)["scores"], torch.tensor([0.65, 0.64]))


def test_candidates_are_counted_per_class() -> None:
    found = run({(0, 1): 0.9, (90, 1): 0.8, (45, 2): 0.7, (99, 2): 0.6, (9, 3): 0.5}, candidates=1)
    assert found["labels"].tolist() == [1, 2, 3]


def test_no_detection_has_the_right_shapes() -> None:
    found = run({})
    assert (found["boxes"].shape, found["scores"].shape, found["labels"].shape) == ((0, 4), (0,), (0,))


@pytest.mark.parametrize("threshold", [0.0, 1e-36, 1e-20, 1e-4, 0.05, 0.5, 0.99, 0.99999, 1 - 1e-9, 1.0])
def test_pairs_are_those_whose_sigmoid_is_above(threshold: float) -> None:
    logits = torch.linspace(-110, 40, 3 * 20001).reshape(-1, 3)
    every = logits[:, 1:].flatten().double().sigmoid().float()
    expected = every > threshold
    pairs, scores = pairs_above(logits, threshold)
    assert torch.equal(pairs, expected.nonzero().squeeze(1))
    assert torch.equal(scores, every[expected])


# ---- against a plain reference -------------------------------------------------------------------------------------


def plain_iou(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    overlap = width * height
    return overlap / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - overlap)


def plain_detections(
    scores: list[list[float]], boxes: list[list[Box]], settings: DetectionSettings
) -> list[tuple[float, int, int]]:
    """(score, row, label) of each detection: ``scores`` [rows][classes], ``boxes`` [rows][classes]."""
    detections = []
    for column in range(len(scores[0]) if scores else 0):
        rows = [row for row in range(len(scores)) if scores[row][column] > settings.score_threshold]
        rows = sorted(rows, key=lambda row: (-scores[row][column], row))[: settings.candidates]
        kept: list[int] = []
        for row in rows:
            if all(plain_iou(boxes[row][column], boxes[other][column]) <= settings.nms_iou for other in kept):
                kept.append(row)
        detections += [(scores[row][column], row, column + 1) for row in kept[: settings.detections]]
    return sorted(detections, key=lambda one: (-one[0], one[1], one[2]))[: settings.detections]


def as_tuples(boxes: Tensor) -> list[Box]:
    return [tuple(box) for box in boxes.tolist()]


def seen_in(scores: list[list[float]], boxes: list[Box], settings: DetectionSettings, found: int) -> Counter[str]:
    """Which of the awkward things a case holds."""
    above = [score for row in scores for score in row if score > settings.score_threshold]
    overlaps = [plain_iou(a, b) for at, a in enumerate(boxes[:20]) for b in boxes[:at]]
    return Counter(
        ties=len(set(above)) < len(above),
        nothing_above=bool(scores) and not above,
        no_anchor=not scores,
        at_threshold=any(settings.score_threshold in row for row in scores),
        at_iou=settings.nms_iou == 0.5 and 0.5 in overlaps,
        identical=len(set(boxes)) < len(boxes),
        no_area=any(x1 == x2 or y1 == y2 for x1, y1, x2, y2 in boxes),
        suppressed=found < min(len(above), settings.detections),
        several_looks=len(above) > 10 * settings.detections,
    )


def test_a_thousand_random_cases_equal_the_plain_reference() -> None:
    size, seen = (48, 64), Counter[str]()
    for seed in range(1000):
        logits, codes, anchors, settings = random_case(seed)
        scores = logits.double().sigmoid().float()[:, 1:].tolist()
        boxes = decode(codes, anchors, size)
        expected = plain_detections(scores, [[box] * logits.shape[1] for box in as_tuples(boxes)], settings)

        (found,) = postprocess(logits[None], codes[None], anchors, size, settings)

        assert list(zip(found["scores"].tolist(), found["labels"].tolist())) == [(s, k) for s, _, k in expected], seed
        torch.testing.assert_close(found["boxes"], boxes[[row for _, row, _ in expected]].reshape(-1, 4))
        seen += seen_in(scores, as_tuples(boxes), settings, len(expected))
    assert min(seen.values()) >= 20
    assert len(seen) == 9


def test_boxes_of_each_class_apart_equal_the_plain_reference() -> None:
    """As a second stage has them: softmax scores [R, K] and boxes [R, K, 4]."""
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        scores = (torch.randn(40, 5, generator=generator) * 2).softmax(1)[:, 1:]
        corners = torch.randint(0, 12, (40, 4, 2, 2), generator=generator).float()
        boxes = torch.cat([corners.amin(2), corners.amax(2) + 4], dim=2)
        settings = DetectionSettings(candidates=20, detections=8)
        pairs = (scores.flatten() > settings.score_threshold).nonzero().squeeze(1)
        expected = plain_detections(scores.tolist(), [as_tuples(row) for row in boxes], settings)

        def boxes_of(rows: Tensor, labels: Tensor, boxes: Tensor = boxes) -> Tensor:
            return boxes[rows, labels - 1]

        found = select_detections(pairs, scores.flatten()[pairs], 4, boxes_of, SIZE, settings)

        assert list(zip(found["scores"].tolist(), found["labels"].tolist())) == [(s, k) for s, _, k in expected]
        assert as_tuples(found["boxes"]) == [as_tuples(boxes[row])[k - 1] for _, row, k in expected]


# ---- the variant of fixed shapes -----------------------------------------------------------------------------------
