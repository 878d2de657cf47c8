"""Boxes: their two forms, how much they overlap, and the code in which a network predicts them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nas.detectors.sizes import Size

MAX_LOG_SIZE = math.log(1000 / 16)
MIN_BOX_SIDE = 1e-8


def to_corners(anchors: Tensor) -> Tensor:
    """Centre y, centre x, height, width [N, 4] -> x1, y1, x2, y2 [N, 4]."""
    cy, cx, height, width = anchors.unbind(-1)
    return torch.stack([cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2], dim=-1)


def to_centres(boxes: Tensor) -> Tensor:
    """x1, y1, x2, y2 [N, 4] -> centre y, centre x, height, width [N, 4]."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([(y1 + y2) / 2, (x1 + x2) / 2, y2 - y1, x2 - x1], dim=-1)


def pairwise_iou(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Intersection over union of boxes [B, M, 4] with other boxes [N, 4]: [B, M, N]."""
    x1, y1, x2, y2 = boxes.unsqueeze(2).unbind(-1)
    ax1, ay1, ax2, ay2 = anchors.unbind(-1)
    width = (torch.minimum(x2, ax2) - torch.maximum(x1, ax1)).clamp_(min=0)
    height = (torch.minimum(y2, ay2) - torch.maximum(y1, ay1)).clamp_(min=0)
    intersection = width.mul_(height)
    union = (x2 - x1).clamp(min=0) * (y2 - y1).clamp(min=0) + (ax2 - ax1) * (ay2 - ay1) - intersection
    return intersection.div_(union)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """Boxes [..., 4] (x1, y1, x2, y2) against anchors [..., 4] (centre form) -> finite ty, tx, th, tw [..., 4]."""
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
    """The inverse of :func:`encode`; boxes are clipped to the image, and th and tw are at most log(1000 / 16).

    Args:
        codes: [..., 4], ty, tx, th, tw.
        anchors: [..., 4], centre form, in pixels.
        image_size: (height, width).
        inclusive: whether a box includes its last pixel, so that width = x2 - x1 + 1 (TPU release,
            ``utils/box_utils.py``). The anchors are given without that pixel and grow by it here.

    Returns:
        Boxes [..., 4], x1, y1, x2, y2 in pixels.
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
