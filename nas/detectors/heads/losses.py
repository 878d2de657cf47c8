"""RetinaNet's losses over all anchors of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.detectors.boxes import encode, to_corners
from nas.detectors.heads.matching import match, pad_targets

FOCAL_ALPHA = 0.25
FOCAL_GAMMA = 1.5
HUBER_DELTA = 0.1
BOX_WEIGHT = 50.0


def detection_loss(
    class_logits: Tensor, box_codes: Tensor, anchors: Tensor, targets: Sequence[Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """The focal loss, and ``BOX_WEIGHT`` times the Huber loss.

    The focal loss is divided by the number of positives in the batch plus 1, the Huber loss by 4 times that number.

    Args:
        class_logits: [B, N, K].
        box_codes: [B, N, 4], ty, tx, th, tw.
        anchors: [N, 4] in centre form, pixels.
        targets: per image ``boxes`` [M, 4] (x1, y1, x2, y2 in pixels) and ``labels`` [M] in 1..K-1.

    Returns:
        ``class`` and ``box``, scalars whose sum must be minimised.
    """
    sums, positives = loss_sums(class_logits, box_codes, anchors, targets)
    normaliser = positives + 1
    return {"class": sums["class"] / normaliser, "box": BOX_WEIGHT * (sums["box"] / (4 * normaliser))}


def loss_sums(
    class_logits: Tensor, box_codes: Tensor, anchors: Tensor, targets: Sequence[Mapping[str, Tensor]]
) -> tuple[dict[str, Tensor], Tensor]:
    """The focal loss ``class`` and the Huber loss ``box`` as sums, neither divided nor weighted; and the positives.

    Args as in :func:`detection_loss`.
    """
    with torch.no_grad():
        boxes, labels = pad_targets(targets)
        matched = match(boxes, to_corners(anchors))
        positive = matched >= 0
        image, anchor = positive.nonzero(as_tuple=True)
        owner = matched[image, anchor]
        codes = encode(boxes[image, owner], anchors[anchor])
        count = positive.sum()
    classification = focal_loss(class_logits, (image, anchor, labels[image, owner]))
    box = F.huber_loss(box_codes[image, anchor], codes, reduction="sum", delta=HUBER_DELTA)
    return {"class": classification, "box": box}, count


def focal_loss(logits: Tensor, positives: tuple[Tensor, ...]) -> Tensor:
    """Sigmoid focal loss, summed (focal loss paper, equation 5).

    Args:
        logits: any shape.
        positives: indices of the logits whose target is 1, one tensor for each dimension; they must be distinct.
    """
    loss: Tensor = _FocalLoss.apply(logits, positives)
    return loss


class _FocalLoss(torch.autograd.Function):
    """Loss and gradient in one pass. Nearly all targets are 0: all are taken as 0, then the positives are corrected.

    If p is the probability of the wrong answer and q = -log(1 - p), then the loss is weight p^gamma q, and its
    derivative by the logit of the wrong answer is weight p^gamma (gamma (1 - p) q + p).
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, positives: tuple[Tensor, ...]) -> Tensor:
        loss, gradient = _focal_terms(logits, 1 - FOCAL_ALPHA)
        positive_loss, positive_gradient = _focal_terms(-logits[positives], FOCAL_ALPHA)
        total = loss.sum() + (positive_loss - loss[positives]).sum()
        gradient[positives] = -positive_gradient
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = ctx.saved_tensors
        return gradient * gradients[0], None


def _focal_terms(logits: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """Loss and derivative, both of the shape of ``logits``, which are those of the wrong answer."""
    p = logits.sigmoid()
    q = F.softplus(logits)
    power = p.pow(FOCAL_GAMMA - 1).mul_(weight)
    loss = (power * p).mul_(q)
    gradient = torch.addcmul(p, q, 1 - p, value=FOCAL_GAMMA).mul_(p).mul_(power)
    return loss, gradient
