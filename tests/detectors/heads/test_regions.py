"""ROIAlign against plain loops, and the box code of regions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nas.detectors.convention import MMDET, TPU
from nas.detectors.heads.fixed_shapes import align_fixed
from nas.detectors.heads.regions import align_regions, decode_regions, encode_regions, roi_levels
from tests.detectors.heads.regions_support import crop_inclusive, pixel_regions

seeds = st.integers(0, 2**32 - 1)


def sample_slowly(x: Tensor, at_y: float, at_x: float) -> Tensor:
    """One bilinear sample of a map [C, h, w]; beyond the far edges the last position counts."""
    at_y, at_x = min(at_y, x.shape[1] - 1), min(at_x, x.shape[2] - 1)
    above, left = math.floor(at_y), math.floor(at_x)
    total = torch.zeros(x.shape[0], dtype=x.dtype)
    for row, share_y in ((above, 1 - (at_y - above)), (above + 1, at_y - above)):
        for column, share_x in ((left, 1 - (at_x - left)), (left + 1, at_x - left)):
            total += share_y * share_x * x[:, min(row, x.shape[1] - 1), min(column, x.shape[2] - 1)]
    return total


def align_slowly(endpoints: dict[int, Tensor], image: int, box: list[float], size: int) -> Tensor:
    x1, y1, x2, y2 = box
    area = (x2 - x1) * (y2 - y1)
    level = min(endpoints) if area == 0 else math.floor(math.log2(math.sqrt(area) / 224) + 4)
    level = min(max(level, min(endpoints)), max(endpoints))
    maps, stride = endpoints[level][image], 2**level
    rows = []
    for row in range(size):
        at_y = (y1 + (row + 0.5) * (y2 - y1) / size) / stride
        ats_x = [(x1 + (column + 0.5) * (x2 - x1) / size) / stride for column in range(size)]
        rows.append(torch.stack([sample_slowly(maps, at_y, at_x) for at_x in ats_x], dim=1))
    return torch.stack(rows, dim=1)


def random_boxes(count: int, height: float, width: float) -> Tensor:
    """Of all sizes, some without area, some of one pixel."""
    start = torch.rand(count, 2, dtype=torch.float64) * torch.tensor([width, height])
    side = torch.rand(count, 2, dtype=torch.float64) ** 3 * (torch.tensor([width, height]) - start)
    side[:: max(count // 2, 1)] = 0
    return torch.cat([start, start + side], dim=1)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, size=st.sampled_from([1, 7, 14]), reach=st.sampled_from([1.0, 1.7]))
def test_roi_align_is_the_plain_loop(seed: int, size: int, reach: float) -> None:
    torch.manual_seed(seed)
    height, width = 512, 640
    endpoints = {
        level: torch.randn(2, 3, height // 2**level, width // 2**level, dtype=torch.float64) for level in range(3, 8)
    }
    rois = [random_boxes(5, height * reach, width * reach), random_boxes(4, height * reach, width * reach)]
    found = align_regions(endpoints, rois, size)
    expected = [align_slowly(endpoints, at, box.tolist(), size) for at in (0, 1) for box in rois[at]]
    torch.testing.assert_close(found, torch.stack(expected))


@pytest.mark.parametrize(
    ("side", "level"), [(0, 2), (55.9, 2), (56, 2), (111.9, 2), (112, 3), (223.9, 3), (224, 4), (448, 5), (5000, 6)]
)
def test_level_of_a_square(side: float, level: int) -> None:
    boxes = torch.tensor([[3.0, 5, 3 + side, 5 + side]])
    assert roi_levels(boxes, 2, 6).tolist() == [level]
    assert roi_levels(boxes - 3, 3, 3).tolist() == [3]


def test_regions_of_no_image_or_of_one() -> None:
    endpoints = {level: torch.randn(2, 3, 64 // 2**level, 64 // 2**level) for level in (3, 4)}
    box = torch.tensor([[3.0, 4, 40, 50]])
    assert align_regions(endpoints, [torch.zeros(0, 4), torch.zeros(0, 4)], 7).shape == (0, 3, 7, 7)
    second = align_regions(endpoints, [torch.zeros(0, 4), box], 7)
    torch.testing.assert_close(second, align_regions(endpoints, [box, box], 7)[1:])


def test_half_precision_features_keep_their_type() -> None:
    endpoints = {3: torch.randn(1, 3, 16, 16)}
    rois = [torch.tensor([[10.0, 20, 50, 60]])]
    half = align_regions({3: endpoints[3].bfloat16()}, rois, 7)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), align_regions(endpoints, rois, 7), atol=0.05, rtol=0)


def test_gradients_of_regions_inside_and_beyond() -> None:
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    rois = [torch.tensor([[2.0, 3, 20, 30], [1, 1, 60, 70]], dtype=torch.float64)]
    assert torch.autograd.gradcheck(lambda x: align_regions({3: x}, rois, 2), x)


@settings(max_examples=20, deadline=None)
@given(seed=seeds, inclusive=st.booleans())
def test_box_codes_of_regions_invert(seed: int, inclusive: bool) -> None:
    torch.manual_seed(seed)
    rois, boxes = (torch.cat([x[:, :2], x[:, 2:] + 2], 1) for x in (random_boxes(9, 90, 90), random_boxes(9, 90, 90)))
    codes = encode_regions(boxes, rois, inclusive)
    torch.testing.assert_close(decode_regions(codes, rois, (100, 100), inclusive), boxes)


def test_box_codes_of_regions_have_weights() -> None:
    rois = torch.tensor([[10.0, 20, 30, 60]])
    codes = torch.tensor([[1.0, -2, 5 * math.log(0.5), 5 * math.log(1.5)]])
    expected = [[20 - 4 - 15, 40 + 4 - 10, 20 - 4 + 15, 40 + 4 + 10]]
    torch.testing.assert_close(decode_regions(codes, rois, (100, 100)), torch.tensor(expected, dtype=torch.float32))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1, 3, 7]), lowest=st.sampled_from([2, 3]))
def test_inclusive_regions_are_the_plain_loop(seed: int, size: int, lowest: int) -> None:
    torch.manual_seed(seed)
    levels = range(lowest, lowest + 5)
    maps = {level: torch.randn(2, 3, 512 // 2**level, 640 // 2**level, dtype=torch.float64) for level in levels}
    rois = [pixel_regions(6, 512, 640), pixel_regions(3, 512, 640)]
    found = align_regions(maps, rois, size, MMDET)
    expected = [
        crop_inclusive({level: x[at] for level, x in maps.items()}, box.tolist(), size)
        for at in (0, 1)
        for box in rois[at]
    ]
    torch.testing.assert_close(found, torch.stack(expected))
    fixed = align_fixed({level: x[:1] for level, x in maps.items()}, rois[0], size, MMDET)
    torch.testing.assert_close(fixed, found[:6])


@pytest.mark.parametrize(("side", "level"), [(1, 3), (111, 3), (112, 4), (223, 4), (224, 5), (448, 6), (4000, 6)])
def test_level_of_a_square_with_its_last_pixel(side: int, level: int) -> None:
    box = torch.tensor([[8.0, 9, 7 + side, 8 + side]])
    assert roi_levels(box, 3, 7, MMDET).tolist() == [level]
    assert roi_levels(box, 2, 6, MMDET).tolist() == [level - 1]
    assert roi_levels(box, 3, 4, MMDET).tolist() == [min(level, 4)]


def test_other_conventions_read_once_a_bin() -> None:
    maps, rois = {3: torch.randn(1, 2, 16, 16)}, [torch.tensor([[8.0, 8, 40, 72]])]
    once = align_regions(maps, rois, 7, TPU)
    assert torch.equal(once, align_regions(maps, rois, 7))
    assert not torch.allclose(once, align_regions(maps, rois, 7, MMDET), atol=1e-3)


def test_boxes_of_regions_count_their_last_pixel() -> None:
    # A region of pixels 10 to 19 (width 10, middle 14.5) moved by 0.1 * 2 of its width, twice as wide.
    codes = torch.tensor([[0.0, 2.0, 0.0, 5 * math.log(2)]])
    boxes = decode_regions(codes, torch.tensor([[10.0, 10, 19, 19]]), (64, 64), inclusive=True)
    torch.testing.assert_close(boxes, torch.tensor([[7.0, 10, 26, 19]]))
