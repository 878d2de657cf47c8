"""RetinaNet's losses over all anchors of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.detectors.anchors import encode, to_corners
from nas.detectors.matching import match, pad_targets

FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 1.5
HUBER_DELTA = 0.1
BOX_WEIGHT = 50.0


def detection_loss(
    class_logits: Tensor, box_codes: Tensor, anchors: Tensor, targets: Sequence[Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Focal loss over the positives of the batch + 1, and ``BOX_WEIGHT`` times the Huber loss over 4 times that.

    Args:
        class_logits: [B, N, K].
        box_codes: [B, N, 4], ty, tx, th, tw.
        anchors: [N, 4] in centre form, pixels.
        targets: per image ``boxes`` [M, 4] (x1, y1, x2, y2 in pixels) and ``labels`` [M] in 1..K-1.

    Returns:
        ``class`` and ``box``, scalars; their sum is what to minimise.
    """
    with torch.no_grad():
        boxes, labels = pad_targets(targets)
        matched = match(boxes, to_corners(anchors))
        positive = matched >= 0
        image, anchor = positive.nonzero(as_tuple=True)
        owner = matched[image, anchor]
        codes = encode(boxes[image, owner], anchors[anchor])
        normaliser = positive.sum() + 1
        truth = torch.zeros_like(class_logits)
        truth[image, anchor, labels[image, owner]] = 1
    classification = focal_loss(class_logits, truth) / normaliser
    box = F.huber_loss(box_codes[image, anchor], codes, reduction="sum", delta=HUBER_DELTA) / (4 * normaliser)
    return {"class": classification, "box": BOX_WEIGHT * box}


def focal_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Sigmoid focal loss, summed (focal loss paper, equation 5); ``truth`` holds 0 or 1 for every logit."""
    cross_entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    p = logits.sigmoid()
    miss = p + truth - 2 * p * truth
    alpha = FOCAL_ALPHA * truth + (1 - FOCAL_ALPHA) * (1 - truth)
    return (alpha * miss**FOCAL_GAMMA * cross_entropy).sum()
