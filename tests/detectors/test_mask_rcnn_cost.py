"""Mask R-CNN's published and independently counted sizes, with nothing allocated."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from nas.detectors import MaskRCNN, build_detector, cost
from nas.detectors.build import load_published

# name, image size, trainable parameters, multiply-adds of TensorFlow's profiler / 2 (G)
COUNTED = [
    ("spinenet-49s", 640, 13_946_608, 59.755),
    ("spinenet-49", 640, 40_753_521, 215.533),
    ("spinenet-96", 1024, 55_185_009, 314.319),
    ("spinenet-143", 1280, 79_169_649, 497.958),
    ("spinenet-190", 1536, 168_210_497, 1683.791),
    ("r50-fpn", 640, 46_367_089, 259.088),
]
PARTS = [
    ("spinenet-49s", 1, (150_799, 4_037_575, 669_019)),
    ("spinenet-49", 1, (596_495, 15_676_871, 2_648_667)),
    ("spinenet-190", 7, (9_767_439, 29_477_191, 10_366_171)),
]


@pytest.mark.parametrize(("name", "size", "trainable", "giga"), COUNTED)
def test_published_sizes(name: str, size: int, trainable: int, giga: float) -> None:
    with torch.device("meta"):
        found = cost(build_detector(name, head="mask_rcnn"), size)
    assert found.params_trainable == trainable
    assert found.multiply_adds == pytest.approx(giga * 1e9, rel=0.005)


@pytest.mark.parametrize(("name", "rpn_depth", "expected"), PARTS)
def test_sizes_of_the_heads(name: str, rpn_depth: int, expected: tuple[int, ...]) -> None:
    architecture, scaling = load_published(name, "mask_rcnn")
    with torch.device("meta"):
        detector = build_detector(architecture, dataclasses.replace(scaling, rpn_depth=rpn_depth), "mask_rcnn")
    assert isinstance(detector, MaskRCNN)
    parts = (detector.rpn, detector.box_head, detector.mask_head)
    assert tuple(sum(x.numel() for x in part.parameters()) for part in parts) == expected


def test_spinenet_190_as_its_configuration_was_released() -> None:
    architecture, scaling = load_published("spinenet-190", "mask_rcnn")
    with torch.device("meta"):
        found = cost(build_detector(architecture, dataclasses.replace(scaling, rpn_depth=7), "mask_rcnn"), 1536)
    assert found.params_trainable == 176_198_465
    assert found.multiply_adds == pytest.approx(2074.844e9, rel=0.005)


def test_parts_are_those_of_the_module() -> None:
    with torch.device("meta"):
        detector = build_detector("spinenet-49s", head="mask_rcnn", classes=5)
    found = cost(detector, 128)
    assert found.params_trainable == sum(x.numel() for x in detector.parameters())
    assert found.params_batch_norm_statistics == sum(x.numel() for x in detector.buffers())
