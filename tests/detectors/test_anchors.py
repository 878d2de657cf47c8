"""Anchors and the box code."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.detectors.anchors import MAX_LOG_SIZE, anchor_boxes, decode, encode, to_corners

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
