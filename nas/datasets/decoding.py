"""One picture file as a square of a training or an evaluation: decoded, resized, padded, cropped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.colour import MEAN_COLOUR
from nas.datasets.picture_size import Refused
from nas.datasets.pixels import opened

Shift = tuple[int, int]
"""(x, y) in pixels."""


def decode(
    path: Path, entry: ImageEntry, image_size: int, scale: float = 1.0, shift: Shift = (0, 0)
) -> NDArray[np.uint8]:
    """One image as [3, S, S]: long side resized to S, ratio kept, padded at the right or bottom with the mean colour.

    Args:
        scale, shift: the square is enlarged by this factor and then moved by -shift, so that position p shows what is
            at (p + shift) / scale without. The pixels are resized once, from the file.

    Raises:
        ValueError: the file cannot be decoded, or has another size than its entry says.
    """
    canvas = np.empty((image_size, image_size, 3), dtype=np.uint8)
    canvas[:] = MEAN_COLOUR
    factor = scale * image_size / max(entry.width, entry.height)
    height, width = (max(1, round(side * factor)) for side in (entry.height, entry.width))
    with opened(path) as picture:
        own_height, own_width = picture.size if entry.upright else picture.stored_size
        if (own_width, own_height) != (entry.width, entry.height):
            raise Refused(f"is {own_width} x {own_height} pixels, its entry says {entry.width} x {entry.height}")
        pixels = picture.read((height, width), entry.upright, draft=True)
    (columns, own_columns), (rows, own_rows) = (
        _overlap(length, offset, image_size) for length, offset in zip((width, height), shift)
    )
    canvas[rows, columns] = pixels[own_rows, own_columns]
    return canvas.transpose(2, 0, 1)


def _overlap(length: int, offset: int, frame: int) -> tuple[slice, slice]:
    """Where a line of pixels, moved by -offset, lies in a frame, and which of its pixels lie there."""
    first, last = max(0, -offset), max(0, min(frame, length - offset))
    first = min(first, last)
    return slice(first, last), slice(first + offset, last + offset)
