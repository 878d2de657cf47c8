"""A large picture in tiles: where they lie, and how what is found in each becomes what is found in the picture.

Neighbouring tiles overlap. A box that ends at a border within the picture is cut there; it is dropped where another
tile has all of what is seen of it, and more around it. Boxes of one class that are left over from the overlaps are
merged by non-maximum suppression. So an object that is smaller than the overlap is found once, as if there were no
tiles; a larger one may be found in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from nas.datasets.masks import Size
from nas.detectors.heads.nms import suppress
from search_spaces.settings import integer, within

LEAST_SIDE = 32
TOUCH = 2.0
"""Pixels that the detector sees; a box that ends nearer to a border is taken to be cut there."""
MERGE_IOU = 0.5

Boxes = NDArray[np.float32]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture is cut.

    Attributes:
        side: of a square tile, in pixels of the picture.
        overlap: of two neighbours, as a fraction of the side; at the right and the lower edge it is more.
    """

    side: int = 640
    overlap: float = 0.2

    def __post_init__(self) -> None:
        integer("tile", self.side, LEAST_SIDE)
        within("overlap", self.overlap, 0, 0.9)

    def tiles(self, size: Size) -> Boxes:
        """The tiles of a picture of (height, width) pixels, row by row: [T, 4], xyxy, all within the picture."""
        rows, columns = (self._starts(length) for length in size)
        return np.asarray(
            [
                [left, top, min(left + self.side, size[1]), min(top + self.side, size[0])]
                for top in rows
                for left in columns
            ],
            dtype=np.float32,
        )

    def _starts(self, length: int) -> list[int]:
        last = max(0, length - self.side)
        step = max(1, round(self.side * (1 - self.overlap)))
        return [*range(0, last, step), last]


def merge_tiles(
    found: list[tuple[Boxes, NDArray[np.float32], Indices]], tiles: Boxes, size: Size, touch: float
) -> list[tuple[int, int]]:
    """Which of the detections in the tiles of a picture stand for its objects: (tile, row) pairs, best first.

    Args:
        found: per tile boxes [n, 4] in pixels of the picture, scores [n], labels [n].
        tiles: [T, 4], see :meth:`Tiling.tiles`.
        size: (height, width) of the picture.
        touch: pixels of the picture, see ``TOUCH``.
    """
    kept = [np.flatnonzero(~_seen_elsewhere(boxes, own, tiles, size, touch)) for own, (boxes, _, _) in enumerate(found)]
    pairs = np.asarray([(own, row) for own, rows in enumerate(kept) for row in rows.tolist()]).reshape(-1, 2)
    boxes, scores, labels = (np.concatenate([one[part][rows] for one, rows in zip(found, kept)]) for part in range(3))
    order = np.argsort(-scores, kind="stable")
    best = torch.from_numpy(boxes[order]).double(), torch.from_numpy(labels[order])
    chosen = order[suppress(*best, max(size), MERGE_IOU).numpy()]
    return [(int(tile), int(row)) for tile, row in pairs[chosen]]


def _seen_elsewhere(boxes: Boxes, own: int, tiles: Boxes, size: Size, touch: float) -> NDArray[np.bool_]:
    """[n], whether a box is cut in its own tile and lies in another one without being cut there."""
    result = np.zeros(len(boxes), dtype=bool)
    cut = np.flatnonzero(~_whole(boxes, tiles[own], size, touch))
    if not len(cut):
        return result
    x1, y1, x2, y2 = tiles[own]
    near = (tiles[:, 0] < x2) & (tiles[:, 2] > x1) & (tiles[:, 1] < y2) & (tiles[:, 3] > y1)
    near[own] = False
    for other in tiles[near]:
        result[cut] |= _whole(boxes[cut], other, size, touch)
    return result


def _whole(boxes: Boxes, tile: Boxes, size: Size, touch: float) -> NDArray[np.bool_]:
    """[n], whether a box lies in a tile, clear of all borders but those of the picture."""
    inner = np.asarray([0 if tile[0] <= 0 else touch, 0 if tile[1] <= 0 else touch])
    outer = np.asarray([0 if tile[2] >= size[1] else touch, 0 if tile[3] >= size[0] else touch])
    clear = (boxes[:, :2] >= tile[:2] + inner) & (boxes[:, 2:] <= tile[2:] - outer)
    return np.asarray(clear.all(axis=1))
