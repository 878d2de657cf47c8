"""Pictures that are decoded from their files each time they are asked for, at any scale; only annotations are cached.

118,000 pictures as squares of 640 px take 145 GB; their files take 19. A picture that is enlarged or reduced in
training is resized once, from its file, where a square would have to be resized a second time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.datasets.cache import (
    DAMAGE,
    NAMES,
    damaged,
    not_written,
    read_about,
    read_annotations,
    write_about,
    write_annotations,
    write_names,
)
from nas.datasets.coco_entries import ImageEntry
from nas.datasets.decoding import decode
from nas.datasets.quoting import shown_name
from nas.datasets.square import About, Annotations, PictureFiles, Shift, SquareData
from nas.disk import publishing
from search_spaces.errors import DataError


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
        """Image ``index`` enlarged and moved, see :func:`nas.datasets.square.to_square`.

        Raises:
            BrokenPicture: its file cannot be decoded, or has become another.
        """
        entry = self.entries[index]
        try:
            return decode(self.folder / entry.file_name, entry, self.image_size, scale, shift)
        except ValueError as error:
            raise BrokenPicture(index, f"picture {shown_name(self.folder / entry.file_name)}: {error}.") from None


def open_live(cache_dir: Path, key: str, folder: Path, image_size: int) -> SquareData | None:
    """The data set whose annotations are stored under ``key``, or None when nothing is.

    Args:
        folder: where the pictures lie.
        image_size: side of the square images in pixels.

    Raises:
        DataError: what is stored is damaged.
    """
    place = cache_dir / key
    if not os.path.isdir(place):  # also where it may not be looked for
        return None
    files = PictureFiles(folder, place / NAMES)
    try:
        annotations, about = read_annotations(place), read_about(place)
        pictures = LivePictures(folder, _entries(files, annotations), image_size)
        return SquareData(pictures, annotations, about.identity or key, about=about)
    except DAMAGE as error:
        raise damaged(place, error) from None


def _entries(files: PictureFiles, annotations: Annotations) -> tuple[ImageEntry, ...]:
    names, as_stored = files.read_names()
    ids = range(len(names)) if annotations.image_ids is None else annotations.image_ids.tolist()
    rows = enumerate(zip(ids, names, annotations.sizes.tolist(), strict=True))
    return tuple(
        ImageEntry(own_id, name, width, height, position not in as_stored, position)
        for position, (own_id, name, (height, width)) in rows
    )


def write_live(
    cache_dir: Path,
    key: str,
    folder: Path,
    image_size: int,
    files: Sequence[tuple[str, bool]],
    annotations: Annotations,
    about: About,
) -> SquareData:
    """Store the annotations of pictures under ``key``, and open the result; ``files`` are as in ``write_cache``.

    Raises:
        DataError: the cache folder cannot be written.
    """
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with publishing(cache_dir / key) as partial:
            write_annotations(partial, annotations)
            write_about(partial, about)
            write_names(partial, files)
    except OSError as error:
        raise not_written(cache_dir, error) from None
    data = open_live(cache_dir, key, folder, image_size)
    assert data is not None, "the folder was just renamed into place"
    return data
