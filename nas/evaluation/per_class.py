"""COCO's numbers class by class, and size by size, with the number of objects behind each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.evaluation.coco import OVERLAPS, SIZES, CocoResult

AREAS: Mapping[str, tuple[float, float]] = {
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}
"""COCO's sizes: the least and the greatest area of an object in square pixels, both included."""


@dataclass(frozen=True, slots=True)
class GroupNumbers:
    """How well the objects of a class, or of a size, are found; -1 where there are none.

    Attributes:
        name: of the class or the size.
        objects: how many there are, crowd regions left out.
        images: how many images hold one of them.
        ap, ap50, ap75: average precision over all overlaps, and at 0.5 and 0.75.
        ar: average recall over all overlaps, of 100 detections in an image.
    """

    name: str
    objects: int
    images: int
    ap: float
    ap50: float
    ap75: float
    ar: float


def per_class(result: CocoResult, truth: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[GroupNumbers, ...]:
    """The numbers of each class, in the order of the labels.

    Args:
        result: of these images.
        truth: per image ``labels`` [n] 1..K and ``crowd`` [n].
        names: of the K classes.
    """
    labels = [np.asarray(image["labels"])[~np.asarray(image["crowd"])] for image in truth]
    return tuple(
        _numbers(name, [int((own == label).sum()) for own in labels], result, slice(label - 1, label), 0)
        for label, name in enumerate(names, start=1)
    )


def per_size(result: CocoResult, truth: Sequence[Mapping[str, Any]]) -> tuple[GroupNumbers, ...]:
    """The numbers of small, medium and large objects, by their area in the original image.

    Args:
        result: of these images.
        truth: per image ``areas`` [n] in square pixels and ``crowd`` [n].
    """
    areas = [np.asarray(image["areas"])[~np.asarray(image["crowd"])] for image in truth]
    return tuple(
        _numbers(
            name,
            [int(((own >= least) & (own <= most)).sum()) for own in areas],
            result,
            slice(None),
            SIZES.index(name),
        )
        for name, (least, most) in AREAS.items()
    )


def _numbers(name: str, counts: Sequence[int], result: CocoResult, classes: slice, size: int) -> GroupNumbers:
    """``counts`` are the objects in each image."""
    precision = result.precision[:, :, classes, size]
    return GroupNumbers(
        name=name,
        objects=sum(counts),
        images=sum(count > 0 for count in counts),
        ap=_mean(precision),
        ap50=_mean(precision[OVERLAPS.index(0.5)]),
        ap75=_mean(precision[OVERLAPS.index(0.75)]),
        ar=_mean(result.recall[:, classes, size]),
    )


def _mean(values: NDArray[np.float64]) -> float:
    """Of what was measured; -1 where nothing was."""
    measured = values[values > -1]
    return float(measured.mean()) if measured.size else -1.0
