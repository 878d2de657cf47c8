"""Regions: the level at which each is looked up, its features there (ROIAlign), and the code of its box."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import roi_align

from nas.detectors.boxes import decode, encode, to_centres
from nas.detectors.convention import TPU, Convention
from nas.detectors.sizes import Size

CANONICAL_SIDE, CANONICAL_LEVEL = 224.0, 4  # a region of this side is looked up at this level (arXiv 1612.03144)
LEVEL_MARGIN = 1e-6 / 4  # mmdetection 1 adds 1e-6 to a side over 56 pixels before it takes the logarithm
CODE_WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of ty, tx, th, tw in the box head


def roi_levels(boxes: Tensor, lowest: int, highest: int, convention: Convention = TPU) -> Tensor:
    """Level at which each region [R, 4] is looked up: floor(4 + log2(sqrt(area) / 224)), clipped to the given range.

    If ``convention.roi_levels`` is not None, ``lowest + 2`` takes the place of 4, and only that many levels are used.
    """
    x1, y1, x2, y2 = whole_regions(boxes.float(), convention).unbind(1)
    side = ((x2 - x1) * (y2 - y1)).clamp(min=0).sqrt() / CANONICAL_SIDE
    canonical = CANONICAL_LEVEL
    if convention.roi_levels is not None:
        side, canonical, highest = side + LEVEL_MARGIN, lowest + 2, min(highest, lowest + convention.roi_levels - 1)
    return ((side.log() / math.log(2)).floor() + canonical).clamp(lowest, highest).long()


def whole_regions(boxes: Tensor, convention: Convention) -> Tensor:
    """Regions [R, 4] (xyxy pixels) whose far corner lies behind the last pixel, if the convention includes it."""
    return boxes + boxes.new_tensor([0.0, 0.0, 1.0, 1.0]) if convention.roi_inclusive else boxes


def align_regions(
    maps: Mapping[int, Tensor], rois: Sequence[Tensor], size: int, convention: Convention = TPU
) -> Tensor:
    """Features of regions, each from its own level: [R, C, size, size]; R runs over the images, then their regions.

    One bilinear sample is taken in the middle of each of size x size bins. Positions are counted from the centre of the
    first one, without a shift by half a position. Beyond the far edges the last position is taken. This is what the TPU
    release (``ops/spatial_transform_ops.py``) and TF Model Garden do. mmdetection 1.1 (``ops/roi_align``,
    ``aligned=False``) differs as ``convention`` says: it takes the mean of 2 x 2 samples, each in the middle of its
    quarter of the bin.

    Args:
        maps: {level: [B, C, h, w]}.
        rois: regions [r, 4] of each image, xyxy pixels, none below 0; r may be 0.
    """
    boxes = torch.cat(list(rois))
    counts = torch.tensor([len(image) for image in rois], device=boxes.device)
    images = torch.arange(len(rois), device=boxes.device).repeat_interleave(counts)
    levels = roi_levels(boxes, min(maps), max(maps), convention)
    boxes = whole_regions(boxes, convention)
    crops, places = [], []
    for level, x in maps.items():
        rows = (levels == level).nonzero().squeeze(1)
        crops.append(align_level(x, images[rows], boxes[rows] / 2**level, size, convention.roi_samples))
        places.append(rows)
    return torch.cat(crops)[torch.cat(places).argsort()]


def align_level(x: Tensor, images: Tensor, corners: Tensor, size: int, samples: int = 1) -> Tensor:
    """Crops [R, C, size, size] of maps [B, C, h, w]: of map number ``images`` [R] at corners [R, 4] (xyxy, positions).

    Each value is the mean of ``samples`` x ``samples``.

    Within the map, torchvision's operator computes this if it is asked to shift by half a position and is given corners
    that are shifted the other way. Without a shift it would treat no region as smaller than one position.
    """
    work = torch.promote_types(x.dtype, torch.float32)
    wide, corners = x.to(work), corners.to(work)
    crops = crop(wide, images, corners + 0.5, size, samples)
    beyond = ((corners[:, 2] > x.shape[3]) | (corners[:, 3] > x.shape[2])).nonzero().squeeze(1)
    if len(beyond):
        fine = _align_beyond(wide, images[beyond], corners[beyond], size * samples)
        crops = crops.index_copy(0, beyond, F.avg_pool2d(fine, samples))
    return crops.to(x.dtype)


def crop(x: Tensor, images: Tensor, boxes: Tensor, size: int, samples: int = 1) -> Tensor:
    """Crops [R, C, size, size] of maps [B, C, h, w], bilinear, 0 outside (torchvision's ROIAlign).

    Args:
        images: [R], the map that each box belongs to.
        boxes: [R, 4], xyxy, in positions; the first position reaches from 0 to 1.
        samples: each value is the mean of this many samples along each side of its bin.
    """
    crops: Tensor = roi_align(x, torch.cat([images[:, None].to(boxes), boxes], dim=1), size, 1.0, samples, aligned=True)
    return crops


def _align_beyond(x: Tensor, images: Tensor, corners: Tensor, size: int) -> Tensor:
    """:func:`align_level`, of one sample, for corners beyond the far edges of the maps, position by position."""
    x0, y0, x1, y1 = corners[:, :, None].unbind(1)
    steps = (torch.arange(size, device=corners.device, dtype=corners.dtype) + 0.5) / size
    columns, rows = x0 + steps * (x1 - x0), y0 + steps * (y1 - y0)
    left, right, to_right = _neighbours(columns[:, None, :], x.shape[3])
    above, below, down = _neighbours(rows[:, :, None], x.shape[2])
    at = images[:, None, None]
    upper = x[at, :, above, left] * (1 - to_right) + x[at, :, above, right] * to_right
    lower = x[at, :, below, left] * (1 - to_right) + x[at, :, below, right] * to_right
    return (upper * (1 - down) + lower * down).permute(0, 3, 1, 2)


def _neighbours(positions: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices before and after ``positions`` on an axis, at most count - 1, and the share of the latter [..., 1]."""
    before = positions.floor().clamp(0, count - 1)
    share = (positions - before).clamp(0, 1)
    return before.long(), (before + 1).clamp(max=count - 1).long(), share[..., None]


def decode_regions(codes: Tensor, rois: Tensor, image_size: Size, inclusive: bool = False) -> Tensor:
    """Boxes [R, 4] (xyxy, within the image) from the box head's codes [R, 4] for regions [R, 4] (xyxy)."""
    return decode(codes / codes.new_tensor(CODE_WEIGHTS), to_centres(rois), image_size, inclusive)


def encode_regions(boxes: Tensor, rois: Tensor, inclusive: bool = False) -> Tensor:
    """The inverse of :func:`decode_regions`: codes [R, 4] that lead from regions [R, 4] to boxes [R, 4]."""
    last = boxes.new_tensor([0.0, 0.0, 1.0, 1.0]) * inclusive
    return encode(boxes + last, to_centres(rois + last)) * boxes.new_tensor(CODE_WEIGHTS)
