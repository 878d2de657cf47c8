"""Pictures that are decoded from their files each time they are asked for, at any scale; only annotations are cached.

118,000 pictures as squares of 640 px take 145 GB; their files take 19. A picture that is enlarged or reduced in
training is resized once, from its file, where a square would have to be resized a second time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.datasets.cache import (
    DAMAGE,
    damaged,
    not_written,
    read_annotations,
    read_remarks,
    write_annotations,
    write_remarks,
)
from nas.datasets.coco_entries import ImageEntry
from nas.datasets.decoding import Shift, decode
from nas.datasets.quoting import shown_name
from nas.datasets.square import Annotations, SquareData
from nas.disk import publishing
from search_spaces.errors import DataError

_FILES = "files.json"


class BrokenPicture(DataError):
    """A picture that cannot be decoded when it is needed.

    Attributes:
        index: its number in the data set.
    """

    def __init__(self, index: int, problem: str) -> None:
        super().__init__(problem)
        self.index = index


@dataclass(frozen=True, slots=True)
class LivePictures:
    """The pictures of a folder as squares [3, S, S].

    Attributes:
        folder: what the names in the entries are relative to.
        entries: one a picture.
        image_size: side S in pixels.
    """

    folder: Path
    entries: tuple[ImageEntry, ...]
    image_size: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, S, S)."""
        return len(self.entries), 3, self.image_size, self.image_size

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Image ``index``.

        Raises:
            BrokenPicture: its file cannot be decoded, or has become another.
        """
        return self.view(index, 1.0, (0, 0))

    def name(self, index: int) -> str:
        """The file of image ``index``, as it is called in a sentence."""
        return shown_name(self.entries[index].file_name)

    def view(self, index: int, scale: float, shift: Shift) -> NDArray[np.uint8]:
        """Image ``index`` enlarged and moved, see :func:`nas.datasets.decoding.decode`.

        Raises:
            BrokenPicture: its file cannot be decoded, or has become another.
        """
        entry = self.entries[index]
        try:
            return decode(self.folder / entry.file_name, entry, self.image_size, scale, shift)
        except ValueError as error:
            raise BrokenPicture(index, f"picture {shown_name(self.folder / entry.file_name)}: {error}.") from None


def open_live(cache_dir: Path, key: str, folder: Path) -> SquareData | None:
    """The data set whose annotations are stored under ``key``, or None when nothing is.

    Args:
        folder: where the pictures lie.

    Raises:
        DataError: what is stored is damaged.
    """
    place = _place(cache_dir, key)
    if not os.path.isdir(place):
        return None
    try:
        stored = json.loads((place / _FILES).read_text(encoding="ascii"))
        entries = tuple(ImageEntry(*entry) for entry in stored["entries"])
        pictures = LivePictures(folder, entries, int(stored["image_size"]))
        return SquareData(pictures, read_annotations(place), key, remarks=read_remarks(place))
    except DAMAGE as error:
        raise damaged(place, error) from None


def write_live(
    cache_dir: Path,
    key: str,
    folder: Path,
    image_size: int,
    entries: Sequence[ImageEntry],
    annotations: Annotations,
    remarks: Sequence[str] = (),
) -> SquareData:
    """Store the annotations of pictures under ``key``, and open the result.

    Raises:
        DataError: the cache folder cannot be written.
    """
    place = _place(cache_dir, key)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with publishing(place) as partial:
            write_annotations(partial, annotations)
            write_remarks(partial, remarks)
            stored = {"image_size": image_size, "entries": [astuple(entry) for entry in entries]}
            (partial / _FILES).write_text(json.dumps(stored), encoding="ascii")
    except OSError as error:
        raise not_written(cache_dir, error) from None
    data = open_live(cache_dir, key, folder)
    assert data is not None, "the folder was just renamed into place"
    return data


def _place(cache_dir: Path, key: str) -> Path:
    return cache_dir / f"{key}-live"
