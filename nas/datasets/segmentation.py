"""COCO's two notations of a mask, polygons and run lengths, read, checked and rasterised.

The notations are those of https://cocodataset.org/#format-data and of pycocotools' ``maskApi.c``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from nas.datasets.masks import Size, encode_masks

Polygons = tuple[NDArray[np.float64], ...]
Runs = NDArray[np.int64]
Shape = Polygons | Runs
"""Polygons, each x1, y1, x2, y2, ... in pixels; or lengths of runs of 0 and 1 in turn, column by column, 0 first."""

_LEAST_NUMBERS = 6  # a polygon has three points at least; pycocotools takes four numbers for a box
_HALF, _WHITE = 128, 255


def read_segmentation(value: Any, size: Size) -> Shape | None:
    """The ``segmentation`` of an annotation; None when it has none. Polygons of fewer than three points are left out.

    Args:
        value: as it stands in the file.
        size: (height, width) of the image.

    Raises:
        ValueError: it is something else than polygons or run lengths of an image of this size; the message is a noun
            that says what.
    """
    if not value:
        return None
    if isinstance(value, Mapping):
        return _read_runs(value, size)
    if not isinstance(value, list):
        raise ValueError("neither a list of polygons nor an object of run lengths")
    polygons = (_read_polygon(points, size) for points in value)
    return tuple(points for points in polygons if len(points) >= _LEAST_NUMBERS) or None


def rasterise(shape: Shape, size: Size) -> bytes:
    """Compressed run lengths of a shape in its image of (height, width) pixels."""
    if isinstance(shape, tuple):
        encoded = coco_mask.merge(coco_mask.frPyObjects([points.tolist() for points in shape], *size))
    else:
        encoded = coco_mask.frPyObjects({"size": list(size), "counts": shape.tolist()}, *size)
    return bytes(encoded["counts"])


def rasterise_square(shape: Shape, size: Size, side: int) -> bytes:
    """The same in the square image: the long side resized to ``side``, padded at the right or bottom.

    A shape too small to cover half of any pixel there gets the one pixel at its middle: no object loses its mask.
    """
    scale = side / max(size)
    counts = _resized(shape, size, scale, side)
    if coco_mask.area({"size": [side, side], "counts": counts}):
        return counts
    middle = _middle(shape, size)
    if middle is None:
        return counts
    square = np.zeros((1, side, side), dtype=np.bool_)
    row, column = (min(int(place * scale), side - 1) for place in middle)
    square[0, row, column] = True
    return encode_masks(square)[0]


def _resized(shape: Shape, size: Size, scale: float, side: int) -> bytes:
    if isinstance(shape, tuple):
        return rasterise(tuple(points * scale for points in shape), (side, side))
    bitmap = coco_mask.decode({"size": list(size), "counts": rasterise(shape, size)})
    width, height = (max(1, round(length * scale)) for length in reversed(size))
    resized = Image.fromarray(bitmap * _WHITE).resize((width, height), Image.Resampling.BOX)
    square = np.zeros((1, side, side), dtype=np.bool_)
    square[0, :height, :width] = np.asarray(resized) >= _HALF
    return encode_masks(square)[0]


def _middle(shape: Shape, size: Size) -> tuple[float, float] | None:
    """(row, column) of the middle of a shape in its image; None if it covers nothing there."""
    left, top, width, height = coco_mask.toBbox({"size": list(size), "counts": rasterise(shape, size)})
    return (top + height / 2, left + width / 2) if width and height else None


def _read_polygon(points: Any, size: Size) -> NDArray[np.float64]:
    """Points far outside the image are brought nearer, since pycocotools allocates memory for every pixel of an edge.

    Raises:
        ValueError: not an even number of finite numbers.
    """
    try:
        numbers = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("polygons of something else than numbers") from None
    if numbers.ndim != 1 or len(numbers) % 2 or not np.isfinite(numbers).all():
        raise ValueError("polygons that are not an even number of finite numbers, x1, y1, x2, y2, ...")
    sides = np.tile(size[::-1], len(numbers) // 2)
    return np.clip(numbers, -sides, 2 * sides)


def _read_runs(value: Mapping[str, Any], size: Size) -> Runs:
    """Run lengths that cover the image.

    Raises:
        ValueError: they do not, or are no run lengths.
    """
    counts = value.get("counts")
    if value.get("size") != list(size):
        raise ValueError("run lengths of another size than the image's, [height, width]")
    try:
        runs = _uncompress(counts) if isinstance(counts, str) else np.asarray(counts, dtype=np.int64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("run lengths that are neither a list of integers nor COCO's compressed text") from None
    if runs.ndim != 1 or ((runs < 0) | (runs > size[0] * size[1])).any() or runs.sum() != size[0] * size[1]:
        raise ValueError("run lengths that do not add up to the image's pixels")
    return runs


def _uncompress(text: str) -> Runs:
    """Run lengths from COCO's text (``rleFrString`` in maskApi.c): 6 bits a character, the difference to two runs ago.

    Raises:
        ValueError: the text holds other characters, or ends within a number.
    """
    bits = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    last = (bits & 32) == 0
    if not len(bits) or bits.min() < 0 or bits.max() > 63 or not last[-1]:
        raise ValueError("not compressed run lengths")
    ends = np.flatnonzero(last)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > 12:
        raise ValueError("a number of more than 60 bits")
    places = np.arange(len(bits)) - np.repeat(starts, lengths)
    numbers = np.add.reduceat((bits & 31) << (5 * places), starts)
    runs = np.where(bits[ends] & 16, numbers - (np.int64(1) << (5 * lengths)), numbers)
    for parity in (1, 2):  # the first number and the two after it stand for themselves
        runs[parity::2] = np.cumsum(runs[parity::2])
    return runs
