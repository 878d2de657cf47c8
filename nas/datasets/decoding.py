"""One picture file as a square image: decoded, resized, padded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.picture_size import Refused
from nas.datasets.pixels import opened
from nas.datasets.square import Shift, to_square


def decode(
    path: Path, entry: ImageEntry, image_size: int, scale: float = 1.0, shift: Shift = (0, 0)
) -> NDArray[np.uint8]:
    """One image as :func:`nas.datasets.square.to_square` makes it, [3, S, S].

    Raises:
        ValueError: the file cannot be decoded, or has another size than its entry says.
    """
    with opened(path) as picture:
        own_height, own_width = picture.size if entry.upright else picture.stored_size
        if (own_width, own_height) != (entry.width, entry.height):
            raise Refused(f"is {own_width} x {own_height} pixels, its entry says {entry.width} x {entry.height}")
        return to_square(picture, image_size, entry.upright, scale, shift)
