"""Cases of post-processing, drawn and by hand."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from nas.detectors.detections import DetectionSettings
from nas.detectors.heads.anchors import anchor_boxes

ANCHORS = anchor_boxes(((4, (4, 4)),), 1.0, torch.device("cpu"))


SIZE = (64, 64)


def logits_with(scores: dict[tuple[int, int], float], classes: int = 4) -> torch.Tensor:
    logits = torch.full((1, len(ANCHORS), classes), -20.0)
    for (anchor, label), score in scores.items():
        logits[0, anchor, label] = torch.logit(torch.tensor(score))
    return logits


def random_anchors(rng: random.Random, count: int) -> Tensor:
    """Even centres and sides: equal boxes, boxes of no area and overlaps of exactly one half are frequent."""
    side = rng.choice((4, 16, 80))
    rows = [
        [2 * rng.randrange(side // 2) for _ in range(2)] + [2 * rng.randrange(5) for _ in range(2)]
        for _ in range(count)
    ]
    return torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)


def random_case(seed: int) -> tuple[Tensor, Tensor, Tensor, DetectionSettings]:
    """Class logits [N, K], box codes [N, 4], anchors [N, 4] and settings."""
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    count, classes = rng.choice((0, 1, 5, 30, 60)), rng.choice((2, 3, 6, 13))
    logits = torch.randn(count, classes, generator=generator) * rng.choice((0.5, 2, 20)) + rng.choice((-8, -3, 0))
    if rng.random() < 0.6:
        logits = logits.round()
    codes = torch.randn(count, 4, generator=generator) * rng.choice((0.0, 0.0, 0.3, 2.0))
    threshold = 0.05
    if count and rng.random() < 0.3:
        threshold = rng.choice(logits.double().sigmoid().float().flatten().tolist())
    settings = DetectionSettings(
        score_threshold=threshold,
        candidates=rng.choice((1, 4, 20, 5000)),
        nms_iou=rng.choice((0.5, 0.5, 0.0, 0.7, 1.0)),
        detections=rng.choice((1, 2, 10, 100)),
    )
    return logits, codes, random_anchors(rng, count), settings
