"""All that is measured of a detector on some images: COCO's numbers, by class and size, curves, confusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nas.datasets.dataset import DetectionData
from nas.evaluation.coco import CocoResult
from nas.evaluation.confusion import Confusion, confusion
from nas.evaluation.curves import DEFAULT_OVERLAP, Curves, score_curves
from nas.evaluation.evaluate import measure, truth_of
from nas.evaluation.per_class import GroupNumbers, per_class, per_size

KINDS: Mapping[str, str] = {"bbox": "boxes", "segm": "masks"}
"""COCO's word for what overlaps -> ours."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What was measured.

    Attributes:
        class_names: of the K classes.
        images, objects: how many; crowd regions are no objects.
        results: ``"bbox"``, and ``"segm"`` where masks were measured -> COCO's numbers.
        classes, sizes: for the same, the numbers of each class and of each size.
        curves: precision, recall and F1 of boxes against the score.
        confusion: which class was taken for which.
    """

    class_names: tuple[str, ...]
    images: int
    objects: int
    results: Mapping[str, CocoResult]
    classes: Mapping[str, tuple[GroupNumbers, ...]]
    sizes: Mapping[str, tuple[GroupNumbers, ...]]
    curves: Curves
    confusion: Confusion


def evaluate_detections(
    found: Sequence[Mapping[str, Any]],
    data: DetectionData,
    indices: Sequence[int],
    overlap: float = DEFAULT_OVERLAP,
    threshold: float | None = None,
) -> Evaluation:
    """Compare what was found in some images with their objects.

    Args:
        found: per image, see :func:`nas.evaluation.evaluate.detect_in`.
        data, indices: which images.
        overlap: of boxes, from which on a detection is right in the curves and the confusion matrix.
        threshold: of the confusion matrix; None for the one that the curves suggest.

    Raises:
        ConfigError: overlap or threshold is out of range.
    """
    classes = len(data.class_names)
    truth = truth_of(data, indices, masks=any("masks" in one for one in found))
    curves = score_curves(truth, found, classes, overlap)
    results = measure(truth, found, data)
    return Evaluation(
        class_names=data.class_names,
        images=len(indices),
        objects=int(curves.objects.sum()),
        results=results,
        classes={kind: per_class(result, truth, data.class_names) for kind, result in results.items()},
        sizes={kind: per_size(result, truth) for kind, result in results.items()},
        curves=curves,
        confusion=confusion(truth, found, classes, curves.suggested if threshold is None else threshold, overlap),
    )
