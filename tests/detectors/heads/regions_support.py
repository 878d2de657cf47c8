"""Regions read in a plain loop, as mmdetection 1 reads them, and regions of all sizes."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def _read(x: Tensor, y: float, column: float) -> Tensor:
    """A map [C, h, w] between its positions, the outermost ones beyond them."""
    y, column = min(y, x.shape[1] - 1.0), min(column, x.shape[2] - 1.0)
    total = torch.zeros(len(x), dtype=x.dtype)
    for row, share in ((math.floor(y), 1 - y % 1), (math.ceil(y), y % 1)):
        for at, part in ((math.floor(column), 1 - column % 1), (math.ceil(column), column % 1)):
            total += x[:, row, at] * share * part
    return total


def crop_inclusive(maps: dict[int, Tensor], box: list[float], size: int) -> Tensor:
    """A region of maps [C, h, w]: four values a bin, the last pixel in; below a side of 112 the lowest level."""
    width, height = box[2] + 1 - box[0], box[3] + 1 - box[1]
    above = sum(math.sqrt(width * height) / bound + 1e-6 >= 1 for bound in (112, 224, 448))
    level = min(maps) + above
    result = torch.zeros(len(maps[level]), size, size, dtype=maps[level].dtype)
    for row in range(2 * size):
        for column in range(2 * size):
            y, x = (box[1] + height * (row + 0.5) / (2 * size)), (box[0] + width * (column + 0.5) / (2 * size))
            result[:, row // 2, column // 2] += _read(maps[level], y / 2**level, x / 2**level) / 4
    return result


def pixel_regions(count: int, height: int, width: int) -> Tensor:
    """Of all sizes, to the last pixel; some of them smaller than one, some at the far corner."""
    far = torch.tensor([width - 1.0, height - 1.0], dtype=torch.float64)
    low = torch.rand(count, 2, dtype=torch.float64) * far
    high = low + torch.rand(count, 2, dtype=torch.float64) ** 2 * (far - low)
    high[::3] = low[::3] + 0.3 * torch.rand(1)
    high[1::4] = far
    return torch.cat([low, high.minimum(far)], 1)
