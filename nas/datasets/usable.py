"""The part of a split that can be used: all of it, or what is left when its faults are dropped. Nothing is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nas.datasets.annotated import AnnotatedFiles
from nas.datasets.coco_check import CheckedFile, check, raise_faults
from nas.datasets.coco_entries import Fault, ImageEntry
from nas.datasets.decoded import BrokenPictures, decode_all
from nas.datasets.dropped import Dropped
from nas.datasets.dropping import Dropping

_SMALL = 16  # pixels; the pictures in doubt are decoded to so many, to know what is wrong with them


@dataclass(frozen=True, slots=True)
class Usable:
    """A split whose entries are without faults.

    Attributes:
        files: where it comes from.
        images: its pictures, whose headers were read.
        rows: its annotations as rows of COCO's format.
        categories: its classes, likewise.
        dropped: what was left out; None where nothing was.
    """

    files: AnnotatedFiles
    images: tuple[ImageEntry, ...]
    rows: tuple[Mapping[str, Any], ...]
    categories: tuple[Mapping[str, Any], ...]
    dropped: Dropped | None = None


def usable(files: AnnotatedFiles, max_dropped: float | None) -> Usable:
    """Check a split, and drop what is faulty where that is allowed.

    Args:
        max_dropped: as in :func:`nas.datasets.opening.open_files`.

    Raises:
        DataError: it has faults, or more of them than may be dropped.
    """
    reading = files.read()
    if max_dropped is None:
        checked = check(files.source, files.folder, reading)
        raise_faults(files.source, _broken(files, checked))
        rows, categories = reading.raw["annotations"], reading.raw["categories"]
        return Usable(files, checked.images, tuple(rows), tuple(categories))
    dropping = Dropping(files.source, files.folder, reading, max_dropped)
    while broken := _broken(files, checked := dropping.examine()):
        dropping.drop(broken)
    kept = dropping.kept()
    dropped = dropping.dropped if dropping.dropped.entries else None
    return Usable(files, checked.images, tuple(kept["annotations"]), tuple(kept["categories"]), dropped)


def _broken(files: AnnotatedFiles, checked: CheckedFile) -> tuple[Fault, ...]:
    """What is wrong with the pictures that are in doubt; nothing where they can be decoded by now."""
    try:
        for _ in decode_all(files.folder, checked.broken, _SMALL):
            pass
    except BrokenPictures as broken:
        return broken.faults
    return ()
