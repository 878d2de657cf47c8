"""Pasting masks against grid sampling and by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nas.detectors import paste_masks
from nas.detectors.detections import DetectionSettings
from search_spaces.errors import ConfigError


def paste_slowly(mask: Tensor, box: list[float], height: int, width: int) -> Tensor:
    x1, y1, x2, y2 = box
    y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
    grid = torch.stack([(x - x1) / (x2 - x1) * 2 - 1, (y - y1) / (y2 - y1) * 2 - 1], dim=-1)
    return F.grid_sample(mask[None, None], grid[None], align_corners=False)[0, 0]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_pasting_is_grid_sampling(seed: int) -> None:
    torch.manual_seed(seed)
    start, side = torch.rand(5, 2) * 30, torch.rand(5, 2) * 30 + 0.5
    masks, boxes = torch.rand(5, 28, 28), torch.cat([start, start + side], dim=1)
    expected = torch.stack([paste_slowly(mask, box.tolist(), 40, 48) for mask, box in zip(masks, boxes)])
    torch.testing.assert_close(paste_masks(masks, boxes, (40, 48)), expected, atol=1e-4, rtol=0)


def test_a_full_mask_fills_its_box() -> None:
    pasted = paste_masks(torch.ones(1, 28, 28), torch.tensor([[10.0, 5, 30, 25]]), (32, 40))
    expected = torch.zeros(32, 40, dtype=torch.bool)
    expected[5:25, 10:30] = True
    assert torch.equal(pasted[0] > 0.5, expected)
    assert pasted.max() <= 1


def test_no_masks_and_boxes_without_area() -> None:
    assert paste_masks(torch.zeros(0, 28, 28), torch.zeros(0, 4), (8, 9)).shape == (0, 8, 9)
    pasted = paste_masks(torch.ones(1, 28, 28), torch.tensor([[3.0, 3, 3, 6]]), (8, 9))
    assert torch.isfinite(pasted).all()
    assert pasted.sum() == 0


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("candidates", 0, "at least 1"),
        ("candidates", "all", "an integer"),
        ("detections", 0, "at least 1"),
        ("detections", 1.5, "an integer"),
        ("nms_iou", 1.5, "at least 0 and at most 1"),
        ("score_threshold", -0.1, "at least 0 and at most 1"),
        ("score_threshold", "low", "a finite number"),
    ],
)
def test_settings_of_the_wrong_type_or_out_of_range_are_refused(setting: str, value: object, right: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{setting} is {value!r}; it must be {right}\.$"):
        DetectionSettings(**{setting: value})  # type: ignore[arg-type]
