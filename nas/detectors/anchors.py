"""Anchor boxes and the code between boxes and network outputs."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from nas.detectors.resample import Size

OCTAVE_SCALES = tuple(2 ** (octave / 3) for octave in range(3))
ASPECT_RATIOS = (1.0, 2.0, 0.5)  # width / height
ANCHORS_PER_POSITION = len(OCTAVE_SCALES) * len(ASPECT_RATIOS)
MAX_LOG_SIZE = math.log(1000 / 16)
MIN_BOX_SIDE = 1e-8


@lru_cache(maxsize=64)
def anchor_boxes(feature_sizes: tuple[tuple[int, Size], ...], anchor_size: float, device: torch.device) -> Tensor:
    """All anchors of feature maps of known (level, (height, width)): [N, 4], centre y, centre x, height, width, pixels.

    Order: level, row, column, octave scale, aspect ratio. An anchor is centred on its position; its side is
    ``anchor_size * 2**level`` times the octave scale. The tensor is shared: do not write to it.
    """
    shapes = torch.tensor(
        [(scale / math.sqrt(ratio), scale * math.sqrt(ratio)) for scale in OCTAVE_SCALES for ratio in ASPECT_RATIOS]
    )
    rows = []
    for level, (height, width) in feature_sizes:
        y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        centres = torch.stack([y, x], dim=-1).reshape(-1, 1, 2).expand(-1, len(shapes), -1)
        sides = (anchor_size * shapes).expand(len(centres), -1, -1)
        rows.append(torch.cat([centres, sides], dim=-1).reshape(-1, 4) * 2**level)
    return torch.cat(rows).to(device)


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


def decode(codes: Tensor, anchors: Tensor, image_size: Size) -> Tensor:
    """The inverse of :func:`encode`, with boxes clipped to the image and log sizes to log(1000 / 16)."""
    ty, tx, th, tw = codes.unbind(-1)
    cy, cx, height, width = anchors.unbind(-1)
    cy, cx = ty * height + cy, tx * width + cx
    height = th.clamp(max=MAX_LOG_SIZE).exp() * height
    width = tw.clamp(max=MAX_LOG_SIZE).exp() * width
    corners = torch.stack([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], dim=-1)
    limit = corners.new_tensor([image_size[1], image_size[0], image_size[1], image_size[0]])
    return torch.minimum(corners.clamp(min=0), limit)
