"""What is exported in fixed shapes finds the same."""

from __future__ import annotations

import torch
from torch import Tensor

from nas.detectors.detections import DetectionSettings
from nas.detectors.heads.fixed_shapes import detections_fixed
from nas.detectors.heads.postprocess import postprocess
from tests.detectors.heads.support import ANCHORS, SIZE, logits_with, random_case


def test_fixed_shapes_hold_the_same_detections() -> None:
    full = 0
    for seed in range(300):
        logits, codes, anchors, settings = random_case(seed)
        if settings.candidates < 5000 or not len(anchors):
            continue
        boxes, scores, labels, count = detections_fixed(logits, codes, anchors, (48, 64), settings)
        (expected,) = postprocess(logits[None], codes[None], anchors, (48, 64), settings)

        assert (boxes.shape, len(scores), len(labels)) == ((settings.detections, 4), *(settings.detections,) * 2)
        assert count == len(expected["scores"])
        torch.testing.assert_close(boxes[:count], expected["boxes"])
        assert torch.equal(scores[:count], expected["scores"])
        assert torch.equal(labels[:count], expected["labels"])
        assert not boxes[count:].any()
        assert not scores[count:].any()
        assert not labels[count:].any()
        full += int(count) == settings.detections
    assert full >= 10


def test_fixed_shapes_can_be_exported() -> None:
    codes = torch.zeros(len(ANCHORS), 4)
    exported = torch.export.export(Fixed(), (logits_with({})[0], codes)).module()
    for scores in ({}, {(0, 1): 0.9, (3, 1): 0.8, (0, 2): 0.7}):
        logits = logits_with(scores)[0]
        for found, expected in zip(exported(logits, codes), Fixed()(logits, codes)):
            assert torch.equal(found, expected)


class Fixed(torch.nn.Module):
    def forward(self, logits: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return detections_fixed(logits, codes, ANCHORS, SIZE, DetectionSettings(candidates=200))
