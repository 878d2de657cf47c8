"""Anchor boxes."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from nas.detectors.convention import TPU, Convention
from nas.detectors.sizes import Size

OCTAVES = 3  # scales within an octave; RetinaNet has anchors of each scale in every aspect ratio


def anchor_boxes(
    feature_sizes: tuple[tuple[int, Size], ...],
    anchor_size: float,
    device: torch.device,
    convention: Convention = TPU,
    octaves: int = OCTAVES,
) -> Tensor:
    """All anchors of feature maps of known (level, (height, width)): [N, 4], centre y, centre x, height, width, pixels.

    Their order is by level, row, column, octave scale, aspect ratio. An anchor is centred on its position, and its side
    is ``anchor_size * 2**level`` times the octave scale ``2**(i / octaves)``. The tensor is shared: do not write to it.
    """
    make = _anchor_boxes if torch.compiler.is_compiling() else _kept_anchor_boxes  # what is traced must not be kept
    return make(feature_sizes, anchor_size, device, convention, octaves)


def _anchor_boxes(
    feature_sizes: tuple[tuple[int, Size], ...],
    anchor_size: float,
    device: torch.device,
    convention: Convention,
    octaves: int,
) -> Tensor:
    rows = []
    for level, (height, width) in feature_sizes:
        y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        centres = torch.stack([y, x], dim=-1).reshape(-1, 1, 2) * 2**level
        offsets, sides = _shapes_at(level, anchor_size, convention, octaves)
        anchors = torch.cat(torch.broadcast_tensors(centres + offsets, sides), dim=-1)
        rows.append(anchors.reshape(-1, 4))
    return torch.cat(rows).to(device)


_kept_anchor_boxes = lru_cache(maxsize=64)(_anchor_boxes)


def _shapes_at(level: int, anchor_size: float, convention: Convention, octaves: int) -> tuple[Tensor, Tensor]:
    """Offsets of the centre [A, 2] from the middle of a position, and height and width [A, 2], in pixels."""
    scales = [2 ** (octave / octaves) for octave in range(octaves)]
    shapes = [
        (scale / math.sqrt(ratio), scale * math.sqrt(ratio)) for scale in scales for ratio in convention.aspect_ratios
    ]
    sides = torch.tensor(shapes) * (anchor_size * 2**level)
    if not convention.rounded_anchors:
        return torch.zeros(len(shapes), 2), sides
    middle = (2**level - 1) / 2  # of the pixels of a position, counted from 0
    low, high = (middle - (sides - 1) / 2).round(), (middle + (sides - 1) / 2).round()
    return (low + high) / 2 - 2**level / 2, high - low
