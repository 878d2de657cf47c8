"""Precision, recall and F1 against the score from which on a detection counts, and the score that they suggest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.evaluation.matching import UNMATCHED, box_overlaps, match
from search_spaces.settings import within

THRESHOLDS = np.arange(1000) / 1000
DEFAULT_OVERLAP = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """What is right and wrong when only detections with a score above a threshold count.

    Attributes:
        overlap: the intersection over union with an object of its class that makes a detection right.
        thresholds: [S], ascending.
        right, wrong: [K, S] detections of each class.
        objects: [K] objects of each class, crowd regions left out.
    """

    overlap: float
    thresholds: NDArray[np.float64]
    right: NDArray[np.int64]
    wrong: NDArray[np.int64]
    objects: NDArray[np.int64]

    @property
    def f1(self) -> NDArray[np.float64]:
        """[K, S], the harmonic mean of precision and recall; NaN for a class without an object."""
        sums = self.right + self.wrong + self.objects[:, None]
        return np.where(self.objects[:, None] > 0, 2 * self.right / np.maximum(sums, 1), np.nan)

    @property
    def mean_f1(self) -> NDArray[np.float64]:
        """[S], the mean over the classes that have objects; 0 where none has."""
        measured = self.f1[self.objects > 0]
        return measured.mean(axis=0) if len(measured) else np.zeros(len(self.thresholds))

    @property
    def best(self) -> int:
        """The place of the threshold with the best mean F1; of several such ones, that in their middle."""
        mean = self.mean_f1
        best = np.flatnonzero(mean == mean.max())
        return int(best[len(best) // 2])

    @property
    def suggested(self) -> float:
        """The threshold with the best mean F1."""
        return float(self.thresholds[self.best])

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision and recall of all classes together at the nearest threshold; NaN where they have no value."""
        place = np.abs(self.thresholds - threshold).argmin()
        right, wrong = self.right[:, place].sum(), self.wrong[:, place].sum()
        return _ratio(right, right + wrong), _ratio(right, self.objects.sum())


def score_curves(
    truth: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    classes: int,
    overlap: float = DEFAULT_OVERLAP,
) -> Curves:
    """The curves of detections in some images. Each class is matched on its own, as COCO does.

    Args:
        truth: per image ``boxes`` [n, 4] (xyxy pixels), ``labels`` [n] 1..K, ``crowd`` [n].
        found: per image ``boxes`` [m, 4], ``scores`` [m], ``labels`` [m].
        classes: K, without the background.
        overlap: see :class:`Curves`.

    Raises:
        ConfigError: an overlap that is not above 0 and at most 1.
    """
    within("overlap", overlap, 0, 1, "(]")
    right: list[list[float]] = [[] for _ in range(classes)]
    wrong: list[list[float]] = [[] for _ in range(classes)]
    objects = np.zeros(classes, dtype=np.int64)
    for true, own in zip(truth, found):
        true_labels, crowd = np.asarray(true["labels"]), np.asarray(true["crowd"], dtype=bool)
        objects += np.bincount(true_labels[~crowd], minlength=classes + 1)[1:]
        labels, scores = np.asarray(own["labels"]), np.asarray(own["scores"])
        for label in np.unique(labels):
            rows, columns = labels == label, true_labels == label
            overlaps = box_overlaps(own["boxes"][rows], true["boxes"][columns], crowd[columns])
            matches = match(scores[rows], overlaps, crowd[columns], overlap)
            right[label - 1].extend(scores[rows][matches >= 0].tolist())
            wrong[label - 1].extend(scores[rows][matches == UNMATCHED].tolist())
    return Curves(overlap, THRESHOLDS, _above(right), _above(wrong), objects)


def _above(scores: Sequence[Sequence[float]]) -> NDArray[np.int64]:
    """[K, S], how many scores of each class are above each threshold."""
    ordered = (np.sort(np.asarray(own, dtype=np.float64)) for own in scores)
    return np.asarray([len(own) - np.searchsorted(own, THRESHOLDS, side="right") for own in ordered], dtype=np.int64)


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
