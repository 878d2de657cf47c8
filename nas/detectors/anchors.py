"""Anchor boxes and the code between boxes and network outputs."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from nas.detectors.convention import TPU, Convention
from nas.detectors.resample import Size

OCTAVES = 3  # RetinaNet's anchors at a position: as many scales within an octave, each in every aspect ratio
MAX_LOG_SIZE = math.log(1000 / 16)
MIN_BOX_SIDE = 1e-8


def anchor_boxes(
    feature_sizes: tuple[tuple[int, Size], ...],
    anchor_size: float,
    device: torch.device,
    rules: Convention = TPU,
    octaves: int = OCTAVES,
) -> Tensor:
    """All anchors of feature maps of known (level, (height, width)): [N, 4], centre y, centre x, height, width, pixels.

    Order: level, row, column, octave scale, aspect ratio. An anchor is centred on its position; its side is
    ``anchor_size * 2**level`` times the octave scale ``2**(i / octaves)``. The tensor is shared: do not write to it.
    """
    make = _anchor_boxes if torch.compiler.is_compiling() else _kept_anchor_boxes  # what is traced is not to be kept
    return make(feature_sizes, anchor_size, device, rules, octaves)


def _anchor_boxes(
    feature_sizes: tuple[tuple[int, Size], ...],
    anchor_size: float,
    device: torch.device,
    rules: Convention,
    octaves: int,
) -> Tensor:
    rows = []
    for level, (height, width) in feature_sizes:
        y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        centres = torch.stack([y, x], dim=-1).reshape(-1, 1, 2) * 2**level
        offsets, sides = _shapes_at(level, anchor_size, rules, octaves)
        anchors = torch.cat(torch.broadcast_tensors(centres + offsets, sides), dim=-1)
        rows.append(anchors.reshape(-1, 4))
    return torch.cat(rows).to(device)


_kept_anchor_boxes = lru_cache(maxsize=64)(_anchor_boxes)


def _shapes_at(level: int, anchor_size: float, rules: Convention, octaves: int) -> tuple[Tensor, Tensor]:
    """Offsets of the centre [A, 2] from the middle of a position, and height and width [A, 2], in pixels."""
    scales = [2 ** (octave / octaves) for octave in range(octaves)]
    shapes = [(scale / math.sqrt(ratio), scale * math.sqrt(ratio)) for scale in scales for ratio in rules.aspect_ratios]
    sides = torch.tensor(shapes) * (anchor_size * 2**level)
    if not rules.rounded_anchors:
        return torch.zeros(len(shapes), 2), sides
    middle = (2**level - 1) / 2  # of a position's pixels, counted from 0
    low, high = (middle - (sides - 1) / 2).round(), (middle + (sides - 1) / 2).round()
    return (low + high) / 2 - 2**level / 2, high - low


def to_corners(anchors: Tensor) -> Tensor:
    """Centre y, centre x, height, width [N, 4] -> x1, y1, x2, y2 [N, 4]."""
    cy, cx, height, width = anchors.unbind(-1)
    return torch.stack([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], dim=-1)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes [..., 4] (x1, y1, x2, y2) against anchors [..., 4] (centre form) -> ty, tx, th, tw [..., 4], finite."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    cy, cx, height, width = anchors.unbind(-1)
    return torch.stack(
        [
            ((y1 + y2) / 2 - cy) / height,
            ((x1 + x2) / 2 - cx) / width,
            ((y2 - y1).clamp(min=MIN_BOX_SIDE) / height).log(),
            ((x2 - x1).clamp(min=MIN_BOX_SIDE) / width).log(),
        ],
        dim=-1,
    )


def decode(codes: Tensor, anchors: Tensor, image_size: Size, inclusive: bool = False) -> Tensor:
    """The inverse of :func:`encode`, with boxes clipped to the image and log sizes to log(1000 / 16).

    Args:
        codes, anchors: [..., 4].
        inclusive: a box's last pixel counts in: width = x2 - x1 + 1 (TPU release ``utils/box_utils.py``). The anchors
            are given without that and grow by one pixel here.
    """
    ty, tx, th, tw = codes.unbind(-1)
    cy, cx, height, width = anchors.unbind(-1)
    if inclusive:
        cy, cx, height, width = cy + 0.5, cx + 0.5, height + 1, width + 1
    cy, cx = ty * height + cy, tx * width + cx
    height = th.clamp(max=MAX_LOG_SIZE).exp() * height
    width = tw.clamp(max=MAX_LOG_SIZE).exp() * width
    last = 1.0 if inclusive else 0.0
    corners = torch.stack([cx - width / 2, cy - height / 2, cx + width / 2 - last, cy + height / 2 - last], dim=-1)
    limit = corners.new_tensor([image_size[1], image_size[0], image_size[1], image_size[0]]) - last
    return torch.minimum(corners.clamp(min=0), limit)
