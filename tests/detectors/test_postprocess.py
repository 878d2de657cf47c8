"""From raw outputs to detections."""

from __future__ import annotations

import torch

from nas.detectors.anchors import anchor_boxes, to_corners
from nas.detectors.postprocess import DetectionSettings, postprocess

ANCHORS = anchor_boxes(((4, (4, 4)),), 1.0, torch.device("cpu"))
SIZE = (64, 64)


def logits_with(scores: dict[tuple[int, int], float], classes: int = 4) -> torch.Tensor:
    logits = torch.full((1, len(ANCHORS), classes), -20.0)
    for (anchor, label), score in scores.items():
        logits[0, anchor, label] = torch.logit(torch.tensor(score))
    return logits


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


def test_no_detection_has_the_right_shapes() -> None:
    found = run({})
    assert (found["boxes"].shape, found["scores"].shape, found["labels"].shape) == ((0, 4), (0,), (0,))
