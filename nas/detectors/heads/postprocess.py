"""From raw outputs to detections, as in the TPU release and TF Model Garden.

The best candidates of each class above a score threshold go through non-maximum suppression. The best of what is left
in all classes are the detections. Equal scores are in the order of rows (anchors or regions), then of classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from nas.detectors.boxes import decode
from nas.detectors.detections import DetectionSettings
from nas.detectors.heads.nms import select
from nas.detectors.sizes import Size


def postprocess(
    class_logits: Tensor,
    box_codes: Tensor,
    anchors: Tensor,
    image_size: Size,
    settings: DetectionSettings,
    inclusive: bool = False,
) -> list[dict[str, Tensor]]:
    """Detections of each image, best first: ``boxes`` [N, 4] xyxy pixels, ``scores`` [N], ``labels`` [N] from 1 on.

    Args:
        class_logits: [B, N, K], class 0 the background.
        box_codes: [B, N, 4].
        anchors: [N, 4] in centre form, pixels.
        inclusive: as in :func:`nas.detectors.boxes.decode`.
    """
    found = []
    for logits, codes in zip(class_logits, box_codes):

        def boxes_of(rows: Tensor, _: Tensor, codes: Tensor = codes) -> Tensor:
            return decode(codes[rows].float(), anchors[rows], image_size, inclusive)

        pairs, scores = pairs_above(logits, settings.score_threshold)
        found.append(select_detections(pairs, scores, logits.shape[1] - 1, boxes_of, image_size, settings))
    return found


def select_detections(
    pairs: Tensor,
    scores: Tensor,
    classes: int,
    boxes_of: Callable[[Tensor, Tensor], Tensor],
    image_size: Size,
    settings: DetectionSettings,
) -> dict[str, Tensor]:
    """Detections of one image from the (row, class) pairs above the score threshold; a row is an anchor or a region.

    Args:
        pairs: [P], ``row * classes + label - 1``, ascending.
        scores: [P].
        classes: number of classes without the background.
        boxes_of: from rows [n] and labels [n] (from 1 on) to boxes [n, 4], xyxy pixels within the image.
    """

    def lookup(indices: Tensor) -> tuple[Tensor, Tensor]:
        rows, groups = rows_and_classes(pairs[indices], classes)
        return boxes_of(rows, groups + 1), groups

    best, boxes, groups = select(
        scores, lookup, max(image_size), settings.nms_iou, settings.candidates, settings.detections
    )
    return {"boxes": boxes, "scores": scores[best], "labels": groups + 1}


def pairs_above(logits: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The (row, class) pairs whose score is above ``threshold``, and those scores: [P] and [P].

    Args:
        logits: [N, K], class 0 the background.

    Returns:
        ``row * (K - 1) + class - 1`` of each pair, ascending, and scores.
    """
    pairs = (logits[:, 1:] > _below_logit(threshold)).flatten().nonzero().squeeze(1)
    rows = torch.div(pairs, logits.shape[1] - 1, rounding_mode="floor")
    scores = to_scores(logits.flatten()[pairs + rows + 1])
    above = (scores > threshold).nonzero().squeeze(1)
    return pairs[above], scores[above]


def to_scores(logits: Tensor) -> Tensor:
    """The correctly rounded sigmoid in float32.

    PyTorch's own can differ by a bit with the place in the tensor, so that equal logits would have unequal scores.
    """
    return logits.double().sigmoid().float()


def _below_logit(score: float) -> float:
    """A number below every logit whose float32 score is above ``score``, and only a little below where that matters."""
    if score < 1e-30:
        return -math.inf
    score = min(score, 0.99)
    return math.log(score / (1 - score)) - 0.1


def rows_and_classes(pairs: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """``row * classes + class`` [P] -> rows [P] and classes [P]."""
    rows = torch.div(pairs, classes, rounding_mode="floor")
    return rows, pairs - rows * classes
