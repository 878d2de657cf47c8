"""From raw outputs to detections, as in the TPU release and TF Model Garden.

Of each class the best candidates above a score threshold go through non-maximum suppression, and the best of what is
left in all classes are the detections. Equal scores are in the order of rows (anchors, regions), then classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.detectors.anchors import decode
from nas.detectors.nms import select, suppress
from nas.detectors.resample import Size
from search_spaces.errors import ConfigError


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """What counts as a detection (the TPU release's post-processing).

    Attributes:
        score_threshold: only higher scores count.
        candidates: how many boxes of each class of an image reach non-maximum suppression, the best ones.
        nms_iou: of two boxes of a class that overlap more, the lower score is dropped.
        detections: at most so many per class and per image.
    """

    score_threshold: float = 0.05
    candidates: int = 5000
    nms_iou: float = 0.5
    detections: int = 100

    def __post_init__(self) -> None:
        for name in ("candidates", "detections"):
            if getattr(self, name) < 1:
                raise ConfigError(f"detection setting {name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("score_threshold", "nms_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"detection setting {name} is {getattr(self, name)}; it lies in 0 to 1.")


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
        inclusive: as in :func:`nas.detectors.anchors.decode`.
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
    """Detections of one image from the (row, class) pairs above the score threshold, a row an anchor or a region.

    Args:
        pairs: [P] ``row * classes + label - 1``, ascending.
        scores: [P].
        classes: how many there are without the background.
        boxes_of: from rows [n] and labels [n] (from 1 on) to boxes [n, 4], xyxy pixels within the image.
    """

    def lookup(indices: Tensor) -> tuple[Tensor, Tensor]:
        rows, groups = _rows_and_classes(pairs[indices], classes)
        return boxes_of(rows, groups + 1), groups

    best, boxes, groups = select(
        scores, lookup, max(image_size), settings.nms_iou, settings.candidates, settings.detections
    )
    return {"boxes": boxes, "scores": scores[best], "labels": groups + 1}


def pairs_above(logits: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """(Row, class) pairs whose score is above ``threshold``, and that score: [P] and [P].

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
    """Sigmoid, float32, correctly rounded: PyTorch's own differs by a bit with the place in the tensor, so equals
    would not be equal."""
    return logits.double().sigmoid().float()


def _below_logit(score: float) -> float:
    """Less than every logit whose float32 score is above ``score``; by little where it matters."""
    if score < 1e-30:
        return -math.inf
    score = min(score, 0.99)
    return math.log(score / (1 - score)) - 0.1


def _rows_and_classes(pairs: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    rows = torch.div(pairs, classes, rounding_mode="floor")
    return rows, pairs - rows * classes


def detections_fixed(
    class_logits: Tensor,
    box_codes: Tensor,
    anchors: Tensor,
    image_size: Size,
    settings: DetectionSettings,
    inclusive: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`postprocess` of one image with shapes that do not depend on the data, for torch.export and ONNX.

    ``settings.candidates`` is here the number of candidates of all classes together. The result is another one only if
    more pairs than that are above the score threshold and those left out would have been detections (a class crowded
    out by others; or equals of the last candidate, which may be left out in any order), or if an IoU lies so near to
    the limit that float32, all that ONNX's operator takes, decides otherwise (see :func:`suppress`).

    Args:
        class_logits: [N, K], class 0 the background.
        box_codes: [N, 4].
        anchors: [N, 4] in centre form, pixels.
        inclusive: as in :func:`nas.detectors.anchors.decode`.

    Returns:
        ``boxes`` [D, 4], ``scores`` [D], ``labels`` [D] with D = ``settings.detections``, zero from ``count`` [] on.
    """
    pairs, logits = _best_pairs(class_logits[:, 1:].float(), settings.candidates)

    def boxes_of(rows: Tensor, _: Tensor) -> Tensor:
        return decode(box_codes[rows].float(), anchors[rows], image_size, inclusive)

    return select_fixed(pairs, to_scores(logits), class_logits.shape[1] - 1, boxes_of, image_size, settings)


def select_fixed(
    pairs: Tensor,
    scores: Tensor,
    classes: int,
    boxes_of: Callable[[Tensor, Tensor], Tensor],
    image_size: Size,
    settings: DetectionSettings,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`select_detections` with fixed shapes: the arguments of that, the result of :func:`detections_fixed`."""
    order = fixed_order(scores)
    scores = scores[order]
    rows, groups = _rows_and_classes(pairs[order], classes)
    boxes = boxes_of(rows, groups + 1)
    kept = torch.zeros_like(rows).index_fill(0, suppress(boxes, groups, max(image_size), settings.nms_iou), 1)
    kept = kept * (scores > settings.score_threshold)
    found, best = (kept * places(scores)).topk(min(settings.detections, rows.shape[0]))
    valid = (found > 0).long()
    missing = settings.detections - best.shape[0]
    return (
        F.pad(boxes[best] * valid[:, None], (0, 0, 0, missing)),
        F.pad(scores[best] * valid, (0, missing)),
        F.pad((groups[best] + 1) * valid, (0, missing)),
        valid.sum(),
    )


def _best_pairs(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` largest of logits [N, K], as ascending flat indices and values.

    They lie in the ``count`` rows with the largest maxima, so most rows are looked at once.
    """
    rows = logits.amax(1).topk(min(count, logits.shape[0])).indices.sort().values
    values = logits[rows].flatten()
    best = values.topk(min(count, values.shape[0])).indices.sort().values
    row, column = _rows_and_classes(best, logits.shape[1])
    return rows[row] * logits.shape[1] + column, values[best]


def fixed_order(scores: Tensor) -> Tensor:
    """A stable descending sort [N] of scores [N] in 0 to 1: their first 46 binary places, then the earlier first.

    ONNX has no stable sort, but integers that all differ have one order only.
    """
    keys = (scores.double() * 2**46).long() * scores.shape[0] + places(scores) - 1
    return keys.topk(scores.shape[0]).indices


def places(scores: Tensor) -> Tensor:
    """N, ..., 2, 1."""
    return torch.arange(scores.shape[0], 0, -1, device=scores.device)
