"""The picture files of a COCO-format data set: whether they are there, each once, and what their headers say."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from nas.datasets.coco_entries import Fault, ImageEntry
from nas.datasets.masks import Size
from nas.datasets.pixels import opened
from nas.datasets.quoting import shown_name
from nas.machine.processors import usable_processors
from nas.words import Countdown

log = logging.getLogger(__name__)

FileId = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture file says before it is decoded.

    Attributes:
        stored_size, shown_size: (height, width) in pixels, as stored and as its EXIF orientation turns it.
        orientation: 1..8.
        deep_mode: Pillow's mode of a picture of more than 8 bits a channel; empty for 8 bits.
    """

    stored_size: Size
    shown_size: Size
    orientation: int
    deep_mode: str


def file_status(path: str | Path) -> os.stat_result | None:
    """The status of a file that is there; None otherwise, also where the name cannot be a file's.

    A name may be too long, hold a NUL, or a surrogate that stands for no byte.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def file_faults(folder: Path, images: Iterable[ImageEntry]) -> Iterator[Fault]:
    """Files that are not there, and files that two entries name, however each of them spells it."""
    first: dict[FileId, ImageEntry] = {}
    for image in images:
        path = folder / image.file_name
        status = file_status(path)
        if status is None:
            clause = f"image {image.id}: there is no file {shown_name(path)}"
            yield Fault("missing image", clause, "images", image.position)
            continue
        other = first.setdefault(_identity(path, status), image)
        if other is not image:
            clause = f"images {other.id} and {image.id} both name the file {_both(other, image)}"
            yield Fault("duplicate file", clause, "images", image.position)


def _identity(path: Path, status: os.stat_result) -> FileId:
    """The same for every spelling of a path, for links, and for either case where the disk knows no case."""
    if status.st_ino:
        return (status.st_dev, status.st_ino, status.st_size)
    return (os.path.normcase(os.path.realpath(path)),)


def _both(one: ImageEntry, other: ImageEntry) -> str:
    if one.file_name == other.file_name:
        return shown_name(one.file_name)
    return f"{shown_name(one.file_name)}, the second as {shown_name(other.file_name)}"


def read_headers(folder: Path, images: Iterable[ImageEntry]) -> Mapping[int, Header]:
    """Image id -> header; a file that cannot be read is left out, and named when it is decoded."""
    images = tuple(images)
    headers: dict[int, Header] = {}
    countdown = Countdown(log, f"reading image headers of {folder}", len(images))
    with ThreadPoolExecutor(usable_processors()) as pool:
        read = pool.map(lambda image: read_header(folder / image.file_name), images)
        for count, (image, header) in enumerate(zip(images, read), start=1):
            if header is not None:
                headers[image.id] = header
            countdown.done(count)
    return headers


def read_header(path: Path) -> Header | None:
    """The header of a picture file; None where it cannot be read."""
    try:
        with opened(path) as picture:
            return Header(picture.stored_size, picture.size, picture.orientation, picture.deep_mode)
    except ValueError:
        return None
