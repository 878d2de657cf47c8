"""Convolutions of the heads."""

from __future__ import annotations

import torch

import search_spaces
from nas.detectors import Scaling, build_detector
from nas.detectors.heads.towers import SeparableConv


def test_a_separable_mask_rcnn_is_separable_throughout() -> None:
    scaling = Scaling(width=0.15, endpoints=8, head_channels=8, head_depth=1, fc_channels=8, separable=True)
    with torch.device("meta"):
        detector = build_detector(search_spaces.load("spinenet-mobile-49"), scaling, "mask_rcnn", classes=5)
    for layer in (detector.rpn.class_predictor, detector.rpn.box_predictor, detector.mask_head.predictor):
        assert isinstance(layer, SeparableConv)
