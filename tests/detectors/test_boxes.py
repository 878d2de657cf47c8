"""Boxes and the code between boxes and network outputs."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_iou

from nas.detectors.boxes import MAX_LOG_SIZE, decode, encode, pairwise_iou, to_corners
from nas.detectors.heads.anchors import anchor_boxes

CPU = torch.device("cpu")
ANCHORS = to_corners(anchor_boxes(((3, (8, 8)), (4, (4, 4)), (5, (2, 2))), 3.0, CPU))
boxes = st.tuples(st.floats(0, 90), st.floats(0, 90), st.floats(0.5, 60), st.floats(0.5, 60))


@settings(max_examples=50, deadline=None)
@given(boxes)
def test_decoding_undoes_encoding(box: tuple[float, ...]) -> None:
    x, y, width, height = box
    target = torch.tensor([[x, y, x + width, y + height]])
    anchors = anchor_boxes(((3, (16, 16)), (5, (4, 4))), 4.0, CPU)
    codes = encode(target.expand(len(anchors), -1), anchors)
    kept = (codes[:, 2:] < MAX_LOG_SIZE).all(1)
    torch.testing.assert_close(
        decode(codes, anchors, (1000, 1000))[kept], target.expand(int(kept.sum()), -1), atol=1e-2, rtol=1e-3
    )


def test_decoded_boxes_stay_within_the_image_and_finite() -> None:
    anchors = anchor_boxes(((3, (4, 8)),), 4.0, CPU)
    found = decode(torch.full((len(anchors), 4), 1e4), anchors, (32, 64))
    assert torch.isfinite(found).all()
    assert (found[:, [0, 2]] <= 64).all()
    assert (found[:, [1, 3]] <= 32).all()


def test_a_box_without_area_has_a_finite_code() -> None:
    anchors = anchor_boxes(((3, (4, 4)),), 4.0, CPU)
    codes = encode(torch.tensor([5.0, 5.0, 5.0, 5.0]).expand(len(anchors), -1), anchors)
    assert torch.isfinite(codes).all()
    assert to_corners(anchors)[0].tolist() == [-12, -12, 20, 20]


def test_intersection_over_union() -> None:
    boxes = torch.rand(3, 4) * 30
    boxes[:, 2:] += boxes[:, :2]
    torch.testing.assert_close(pairwise_iou(boxes.unsqueeze(0), ANCHORS)[0], box_iou(boxes, ANCHORS))


def test_decoding_with_the_last_pixel_counted_in() -> None:
    """The formulas of the TPU release's decode_boxes, by hand: an anchor of 21 x 11 pixels, inclusive."""
    anchor = torch.tensor([[15.0, 30.0, 10.0, 20.0]])  # y 10..20, x 20..40
    code = torch.tensor([[0.1, -0.2, 0.3, 0.4]])
    height, width = 11 * torch.tensor(0.3).exp(), 21 * torch.tensor(0.4).exp()
    y, x = 10 + 5.5 + 0.1 * 11, 20 + 10.5 - 0.2 * 21
    expected = [x - width / 2, y - height / 2, x + width / 2 - 1, y + height / 2 - 1]
    found = decode(code, anchor, (100, 100), inclusive=True)[0]
    assert found.tolist() == pytest.approx([float(value) for value in expected])
    assert decode(code, anchor, (20, 30), inclusive=True)[0].tolist()[2:] == [29, 19]


def test_decoded_boxes_count_their_last_pixel() -> None:
    # Around an anchor of pixels 8 to 15: 8 wide, centre 11.5; moved by half of that and made twice as wide.
    anchors = torch.tensor([[11.5, 11.5, 7.0, 7.0]])
    codes = torch.tensor([[0.0, 0.5, 0.0, float(math.log(2))]])
    torch.testing.assert_close(decode(codes, anchors, (64, 64), True), torch.tensor([[8.0, 8.0, 23.0, 15.0]]))
