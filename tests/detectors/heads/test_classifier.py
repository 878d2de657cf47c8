"""The classifier."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nas.detectors import build_detector
from tests.detectors.support import TINY


def test_a_classifier_averages_all_levels() -> None:
    detector = build_detector("spinenet-49", TINY, "classifier", classes=7).eval()
    raw = detector(torch.randn(2, 3, 224, 224))
    up = [F.interpolate(x, size=(28, 28), mode="nearest") for x in raw["endpoints"].values()]
    torch.testing.assert_close(raw["class"], detector.predictor(torch.stack(up).mean(0).mean((2, 3))))
    best = detector.classify(torch.randn(2, 3, 224, 224))
    assert [tuple(image["labels"].shape) for image in best] == [(5,), (5,)]
    loss = detector.loss(raw, [{"labels": torch.tensor([1])}, {"labels": torch.tensor([6])}])["class"]
    torch.testing.assert_close(loss, F.cross_entropy(raw["class"], torch.tensor([1, 6])))
