"""All pictures of a data set as square images, decoded on the cores that may be used."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.datasets import decoding
from nas.datasets.coco_entries import Fault, ImageEntry
from nas.machine.processors import usable_processors
from nas.words import Countdown

log = logging.getLogger(__name__)
_BLOCK = 256


class BrokenPictures(ValueError):
    """Pictures that cannot be decoded, or have another size than their entry."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"{len(faults)} broken pictures")
        self.faults = tuple(faults)


def decode_all(folder: Path, entries: tuple[ImageEntry, ...], image_size: int) -> Iterator[NDArray[np.uint8]]:
    """Every image in order, decoded on the cores that may be used.

    Raises:
        BrokenPictures: at the end, with all those that cannot be decoded.
    """

    def attempt(entry: ImageEntry) -> NDArray[np.uint8] | Fault:
        try:
            return decoding.decode(folder / entry.file_name, entry, image_size)
        except ValueError as error:
            return Fault("broken image", f"image {entry.id}: {error}", "images", entry.position)

    faults: list[Fault] = []
    countdown = Countdown(log, f"decoding images of {folder}", len(entries))
    with ThreadPoolExecutor(usable_processors()) as pool:
        for first in range(0, len(entries), _BLOCK):
            for result in pool.map(attempt, entries[first : first + _BLOCK]):
                if isinstance(result, Fault):
                    faults.append(result)
                else:
                    yield result
            countdown.done(min(first + _BLOCK, len(entries)))
    if faults:
        raise BrokenPictures(faults)
