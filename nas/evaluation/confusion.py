"""Which class is taken for which: the confusion matrix of detections, with the background as a class of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.evaluation.matching import UNMATCHED, box_overlaps, match
from search_spaces.settings import within

BACKGROUND = 0
RULE = (
    "Detections with a score above {threshold:g}, the highest first, each take the free object of any class with which "
    "they overlap most (of equals one of their own class), if the intersection over union is at least {overlap:g}. An "
    "object that none takes counts as missed, a detection that takes none as found in the background; what lies in a "
    "crowd region does not count."
)
"""How pairs are made, with places for the two settings."""


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How often an object of one class was taken for another.

    Attributes:
        counts: [K + 1, K + 1]; ``counts[i, k]`` objects of label i were found as label k. Row 0: found where there is
            no object; column 0: objects that were missed.
        threshold, overlap: of ``RULE``.
    """

    counts: NDArray[np.int64]
    threshold: float
    overlap: float

    @property
    def rule(self) -> str:
        """How pairs are made, as sentences."""
        return RULE.format(threshold=self.threshold, overlap=self.overlap)

    def mistakes(self) -> Iterator[tuple[int, int, int]]:
        """(label, label it was taken for, how often) of two different classes, the most frequent first."""
        counts = self.counts[1:, 1:] * (1 - np.eye(len(self.counts) - 1, dtype=np.int64))
        for place in np.argsort(-counts, axis=None, kind="stable"):
            row, column = np.unravel_index(place, counts.shape)
            if counts[row, column] == 0:
                return
            yield int(row) + 1, int(column) + 1, int(counts[row, column])


def confusion(
    truth: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    classes: int,
    threshold: float,
    overlap: float = 0.5,
) -> Confusion:
    """The confusion matrix of detections in some images, by ``RULE``.

    Args:
        truth: per image ``boxes`` [n, 4] (xyxy pixels), ``labels`` [n] 1..K, ``crowd`` [n].
        found: per image ``boxes`` [m, 4], ``scores`` [m], ``labels`` [m].
        classes: K, without the background.

    Raises:
        ConfigError: a threshold outside [0, 1], or an overlap that is not above 0 and at most 1.
    """
    within("threshold", threshold, 0, 1)
    within("overlap", overlap, 0, 1, "(]")
    counts = np.zeros((classes + 1, classes + 1), dtype=np.int64)
    for true, own in zip(truth, found):
        kept = np.asarray(own["scores"]) > threshold
        labels, scores = np.asarray(own["labels"])[kept], np.asarray(own["scores"])[kept]
        true_labels, crowd = np.asarray(true["labels"]), np.asarray(true["crowd"], dtype=bool)
        overlaps = box_overlaps(own["boxes"][kept], true["boxes"], crowd)
        matches = match(scores, overlaps, crowd, overlap, labels[:, None] == true_labels[None])
        taken = matches >= 0
        np.add.at(counts, (true_labels[matches[taken]], labels[taken]), 1)
        np.add.at(counts[BACKGROUND], labels[matches == UNMATCHED], 1)
        missed = np.setdiff1d(np.flatnonzero(~crowd), matches[taken])
        np.add.at(counts[:, BACKGROUND], true_labels[missed], 1)
    return Confusion(counts, threshold, overlap)
