"""Anchors and the box code."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from nas.detectors import CONVENTIONS
from nas.detectors.boxes import to_corners
from nas.detectors.convention import MMDET
from nas.detectors.heads.anchors import anchor_boxes

CPU = torch.device("cpu")


def test_anchors_of_one_level() -> None:
    anchors = anchor_boxes(((3, (2, 3)),), 4.0, CPU)
    assert anchors.shape == (2 * 3 * 9, 4)
    assert anchors[0].tolist() == [4, 4, 32, 32]  # row 0, column 0, first scale, square
    torch.testing.assert_close(anchors[1], torch.tensor([4, 4, 32 / math.sqrt(2), 32 * math.sqrt(2)]))  # wide
    torch.testing.assert_close(anchors[2], torch.tensor([4, 4, 32 * math.sqrt(2), 32 / math.sqrt(2)]))  # tall
    torch.testing.assert_close(anchors[3, 2], torch.tensor(32 * 2 ** (1 / 3)))  # second scale
    assert anchors[9, :2].tolist() == [4, 12]  # next column
    assert anchors[3 * 9, :2].tolist() == [12, 4]  # next row


def test_levels_follow_each_other() -> None:
    anchors = anchor_boxes(((3, (2, 2)), (4, (1, 1))), 3.0, CPU)
    assert anchors[4 * 9].tolist() == [8, 8, 48, 48]


@pytest.mark.parametrize(
    ("convention", "ratios"), [("tpu", (1, 2, 0.5)), ("model_garden", (0.5, 1, 2)), ("mmdet", (2, 1, 0.5))]
)
def test_order_of_anchors(convention: str, ratios: tuple[float, ...]) -> None:
    anchors = anchor_boxes(((3, (1, 1)),), 4.0, torch.device("cpu"), CONVENTIONS[convention])
    found = anchors[:, 3] / anchors[:, 2]
    assert found.tolist() == pytest.approx([*ratios] * 3, rel=0.1)  # the ports round corners to pixels
    assert anchors[:3, 2:].prod(1).sqrt().tolist() == pytest.approx([32] * 3, rel=0.05)


def test_anchors_of_the_ports_lie_on_pixels() -> None:
    corners = to_corners(anchor_boxes(((3, (2, 2)), (4, (1, 1))), 3.0, torch.device("cpu"), MMDET))
    assert torch.equal(corners, corners.round())


def base_anchors(stride: int, size: float) -> np.ndarray:
    """Their rule in exact steps: around (stride - 1) / 2, sides counted with both end pixels, corners rounded."""
    rows = []
    for ratio in (0.5, 1.0, 2.0):
        for octave in range(3):
            side = stride * size * 2 ** (octave / 3)
            width, height = side / np.sqrt(ratio), side * np.sqrt(ratio)
            middle = (stride - 1) / 2
            rows.append([middle + sign * (extent - 1) / 2 for sign in (-1, 1) for extent in (width, height)])
    return np.round(rows)


@pytest.mark.parametrize("size", [3.0, 4.0, 5.0])
@pytest.mark.parametrize("level", [3, 4, 5, 6, 7])
def test_anchors_lie_on_whole_pixels_as_theirs(level: int, size: float) -> None:
    ours = to_corners(anchor_boxes(((level, (2, 3)),), size, torch.device("cpu"), MMDET)).reshape(2, 3, 3, 3, 4)
    base = torch.from_numpy(base_anchors(2**level, size)).float().reshape(3, 3, 4).transpose(0, 1)
    for row in range(2):
        for column in range(3):
            shift = torch.tensor([column, row, column, row]) * 2**level
            assert torch.equal(ours[row, column], base + shift)


def test_anchors_of_the_first_position() -> None:
    """Numbers of mmdetection 1.1 for a base size of 8 and an octave base scale of 3, ratio by ratio."""
    expected = """-13 -4 20 11  -17 -7 24 14  -23 -9 30 16
                  -8 -8 15 15  -11 -11 18 18  -15 -15 22 22
                  -4 -13 11 20  -7 -17 14 24  -9 -23 16 30"""
    ours = to_corners(anchor_boxes(((3, (1, 1)),), 3.0, torch.device("cpu"), MMDET)).reshape(3, 3, 4).transpose(0, 1)
    assert ours.flatten().tolist() == [float(number) for number in expected.split()]
