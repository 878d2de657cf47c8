"""Which anchors are responsible for which objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nas.detectors.boxes import pairwise_iou

POSITIVE_IOU = 0.5


def pad_targets(targets: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Tensor]:
    """Boxes [B, M, 4] and labels [B, M] of all images, padded with 0. M is the most objects in an image, at least 1."""
    boxes = pad_sequence([target["boxes"].reshape(-1, 4).float() for target in targets], batch_first=True)
    labels = pad_sequence([target["labels"].reshape(-1).long() for target in targets], batch_first=True)
    if boxes.shape[1] == 0:
        return boxes.new_zeros(len(targets), 1, 4), labels.new_zeros(len(targets), 1)
    return boxes, labels


def match(
    boxes: Tensor, anchors: Tensor, positive_iou: float = POSITIVE_IOU, negative_iou: float = POSITIVE_IOU
) -> Tensor:
    """Index of the object that each anchor is responsible for, -1 for none, -2 where it does not count: [B, N].

    An anchor takes the object with the largest intersection over union if that is at least ``positive_iou``, and no
    object if it is below ``negative_iou``. In addition each object takes its best anchor; if two objects want the same
    one, the first gets it. A box without area, such as padding, matches nothing.

    Args:
        boxes: objects [B, M, 4], x1, y1, x2, y2 in pixels.
        anchors: [N, 4], x1, y1, x2, y2 in pixels.
    """
    iou = pairwise_iou(boxes, anchors)
    best_iou, matched = iou.max(dim=1)
    matched = torch.where(best_iou >= positive_iou, matched, -1)
    if negative_iou < positive_iou:
        matched = torch.where((best_iou >= negative_iou) & (best_iou < positive_iou), -2, matched)
    count = boxes.shape[1]
    own_iou, own_anchor = iou.max(dim=2)
    objects = torch.where(own_iou > 0, torch.arange(count, device=boxes.device), count)
    forced = torch.full_like(matched, count).scatter_reduce_(1, own_anchor, objects, "amin")
    return torch.where(forced < count, forced, matched)
