"""Anchors, boxes and non-maximum suppression."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


def flat(maps: dict[int, Tensor], channels: int) -> Tensor:
    """Maps [B, A * channels, h, w] of all levels -> [B, N, channels]; N runs over levels, rows, columns, anchors."""
    return torch.cat([x.permute(0, 2, 3, 1).reshape(len(x), -1, channels) for x in maps.values()], 1)


def anchors(level: int, x: Tensor, s: Any) -> Tensor:
    """Anchors [h * w * A, 4] of a map [B, C, h, w]: centre y, centre x, height, width in pixels."""
    stride = 2**level
    sizes = [2 ** (i / s.octaves) * s.anchor_size * stride for i in range(s.octaves)]
    shapes = torch.tensor([(a / math.sqrt(ratio), a * math.sqrt(ratio)) for a in sizes for ratio in s.aspect_ratios])
    offsets = torch.zeros_like(shapes)
    if s.rounded_anchors:  # corners lie on whole pixels
        middle = (stride - 1) / 2
        low, high = (middle - (shapes - 1) / 2).round(), (middle + (shapes - 1) / 2).round()
        offsets, shapes = (low + high) / 2 - stride / 2, high - low
    rows, columns = torch.meshgrid(torch.arange(x.shape[2]), torch.arange(x.shape[3]), indexing="ij")
    centres = (torch.stack([rows, columns], -1) + 0.5).reshape(-1, 1, 2) * stride + offsets
    return torch.cat([centres, shapes.expand_as(centres)], -1).reshape(-1, 4).to(x.device)


def decode(codes: Tensor, anchors: Tensor, size: tuple[int, ...], s: Any) -> Tensor:
    """Codes ty, tx, th, tw [..., 4] -> boxes x1, y1, x2, y2 within the image of ``size`` (height, width)."""
    extra = 1.0 if s.inclusive_pixels else 0.0  # a box then includes its last pixel
    centres, sides = anchors[..., :2] + extra / 2, anchors[..., 2:] + extra
    centres = codes[..., :2] * sides + centres
    sides = codes[..., 2:].clamp(max=s.max_log_size).exp() * sides
    corners = torch.cat([(centres - sides / 2).flip(-1), (centres + sides / 2).flip(-1) - extra], -1)
    limit = corners.new_tensor([size[1], size[0]] * 2) - extra
    return torch.minimum(corners.clamp(min=0), limit)


def suppress(boxes: Tensor, iou: float) -> list[int]:
    """Greedy non-maximum suppression of boxes [N, 4], best first: indices of those that stay."""
    x1, y1, x2, y2 = boxes.double().unbind(-1)
    areas, kept = (x2 - x1) * (y2 - y1), []
    left = torch.arange(len(boxes), device=boxes.device)
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        width = torch.minimum(x2[best], x2[left]) - torch.maximum(x1[best], x1[left])
        height = torch.minimum(y2[best], y2[left]) - torch.maximum(y1[best], y1[left])
        overlap = width.clamp(min=0) * height.clamp(min=0)
        left = left[~(overlap / (areas[best] + areas[left] - overlap) > iou)]
    return kept


def select(scores: Tensor, boxes: Tensor, threshold: float | None, iou: float | None, s: Any) -> dict[str, Tensor]:
    """The best detections in one image, from scores [N, K] and boxes, [N, 4] or for each class [N, K, 4].

    Class 0 is the background. From each other class, the best ``candidates`` boxes whose scores are above ``threshold``
    go through suppression.
    """
    threshold = s.score_threshold if threshold is None else threshold
    iou = s.nms_iou if iou is None else iou
    found = []
    for label in range(1, scores.shape[1]):
        order = scores[:, label].sort(descending=True, stable=True).indices[: s.candidates]
        order = order[scores[order, label] > threshold]
        own = boxes[order] if boxes.dim() == 2 else boxes[order, label]
        found += [(-float(scores[order[i], label]), int(order[i]), label, own[i]) for i in suppress(own, iou)]
    found = sorted(found, key=lambda one: one[:3])[: s.detections]
    return {
        "boxes": torch.stack([box for *_, box in found]) if found else boxes.new_zeros(0, 4),
        "scores": boxes.new_tensor([-score for score, *_ in found]),
        "labels": torch.tensor([label for _, _, label, _ in found], dtype=torch.long, device=boxes.device),
    }
