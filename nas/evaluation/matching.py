"""Which detection is of which object: greedily, the detection with the highest score first, as COCO does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

UNMATCHED, IGNORED = -1, -2
"""In place of an object: there is none, or the detection lies in a crowd region and counts for nothing."""


def box_overlaps(
    found: NDArray[np.float32], true: NDArray[np.float32], crowd: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Intersection over union of boxes, and over the found box's own area for crowd regions: [m, n].

    Args:
        found, true: boxes [m, 4] and [n, 4], xyxy pixels.
        crowd: [n].
    """
    if not len(found) or not len(true):
        return np.zeros((len(found), len(true)))
    return np.asarray(coco_mask.iou(_xywh(found), _xywh(true), np.asarray(crowd, dtype=np.uint8)))


def match(
    scores: NDArray[np.float32],
    overlaps: NDArray[np.float64],
    crowd: NDArray[np.bool_],
    least: float,
    alike: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """For each detection the object it is of, ``UNMATCHED`` or ``IGNORED``: [m].

    In the order of scores, each takes the object with which it overlaps most and that none before it has taken; the
    last one of equals, as COCO does. What finds no object and overlaps a crowd region is ignored.

    Args:
        scores: [m].
        overlaps: [m, n], see :func:`box_overlaps`.
        crowd: [n].
        least: the overlap that makes a match.
        alike: [m, n], which objects go first among those of equal overlap; None for none.
    """
    matches = np.full(len(scores), UNMATCHED, dtype=np.int64)
    free = ~np.asarray(crowd, dtype=bool)
    enough = overlaps >= min(least, 1 - 1e-10)
    for row in np.argsort(-np.asarray(scores), kind="stable"):
        candidates = np.flatnonzero(enough[row] & free)
        if len(candidates):
            rank = overlaps[row, candidates]
            best = candidates[rank == rank.max()]
            if alike is not None and alike[row, best].any():
                best = best[alike[row, best]]
            matches[row] = best[-1]
            free[best[-1]] = False
        elif (enough[row] & crowd).any():
            matches[row] = IGNORED
    return matches


def _xywh(boxes: NDArray[np.float32]) -> NDArray[np.float64]:
    corners = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
