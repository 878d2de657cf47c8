"""What ``faults=drop`` left out of a data set: how much, and a list for those who want to mend it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

from nas.datasets.coco_entries import kinds_and_first
from nas.datasets.quoting import shown_name
from nas.disk import replacing
from nas.words import plural
from search_spaces.errors import DataError


@dataclass(frozen=True, slots=True)
class DroppedEntry:
    """An entry that was left out: the kind of its fault, its picture's file, what it is called, and what is wrong."""

    kind: str
    picture: str
    entry: str
    reason: str


COLUMNS = tuple(DroppedEntry.__dataclass_fields__)
NAME = "dropped.csv"
"""What the list of what was dropped is called as a file."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was left out of a split.

    Attributes:
        entries: in the order in which they were found.
        pictures, boxes: how many were left out; a box whose picture was left out counts.
        of_pictures, of_boxes: how many there were.
    """

    entries: tuple[DroppedEntry, ...]
    pictures: int
    of_pictures: int
    boxes: int
    of_boxes: int

    def sentence(self) -> str:
        """How many were left out and why, without a full stop."""
        counts, listed = kinds_and_first((entry.kind, entry.reason) for entry in self.entries)
        boxes = f"{self.boxes:,} of {self.of_boxes:,} boxes"
        return (
            f"{self.pictures:,} of {plural(self.of_pictures, 'picture')} and {boxes} were dropped ({counts}): {listed}"
        )

    def check_share(self, source: Path, most: float) -> None:
        """Check that no more went than may go.

        Raises:
            DataError: more than ``most`` of the pictures or of the boxes were left out.
        """
        shares = (self.pictures / max(self.of_pictures, 1), self.boxes / max(self.of_boxes, 1))
        if max(shares) > most:
            raise DataError(
                f"data set {shown_name(source)}: {self.sentence()}. That is more than the share "
                f"data.max_dropped={most:g}; mend the data set, or give a larger share."
            )

    def write(self, folder: Path) -> Path:
        """Write the entries as ``dropped.csv`` into a folder.

        Raises:
            FileError: it cannot be written.
        """
        path = folder / NAME
        with replacing(path) as temporary:
            temporary.write_text(self.csv(), encoding="utf-8")
        return path

    def csv(self) -> str:
        """The entries as a CSV file's text, with a line of column names."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([shown_name(getattr(entry, name)) for name in COLUMNS] for entry in self.entries)
        return text.getvalue()
