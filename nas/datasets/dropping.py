"""``faults=drop``: entries with faults are left out, counted, and listed for those who want to mend them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.datasets.annotated import Reading
from nas.datasets.coco_check import TABLES, CheckedFile, examine, raise_faults
from nas.datasets.coco_entries import Fault, entry_name
from nas.datasets.dropped import Dropped, DroppedEntry

_WITH_ITS_PICTURE = "picture dropped"


class Dropping:
    """Leaves out the rows that faults are about, again and again, until none is left."""

    def __init__(self, source: Path, folder: Path, reading: Reading, most: float) -> None:
        """``most`` is the share of the pictures and of the boxes that may go."""
        self._source, self._folder, self._reading, self._most = source, folder, reading, most
        self._gone: dict[str, set[int]] = {name: set() for name in TABLES}
        self._entries: list[DroppedEntry] = []
        self._first: dict[int, int] = {}  # image id -> position of the first picture that has it
        self._dropped_images: set[int] = set()
        for position, row in enumerate(reading.raw["images"]):
            if isinstance(row, dict) and (image_id := _key(row, "id")) is not None:
                self._first.setdefault(image_id, position)
        if reading.faults:
            self.drop(reading.faults)

    def examine(self) -> CheckedFile:
        """The content without the rows that have faults; pictures that cannot be decoded are not known yet.

        Raises:
            DataError: more than may be would be left out, or a fault is not about a row.
        """
        while True:
            found = examine(self._folder, self._reading.raw, self._gone, self._reading.headers, count_empty=True)
            if isinstance(found, CheckedFile):
                return found
            self.drop(found)

    def drop(self, faults: Iterable[Fault]) -> None:
        """Leave out the rows that faults are about.

        Raises:
            DataError: as :meth:`examine`.
        """
        faults = tuple(faults)
        raise_faults(self._source, [fault for fault in faults if not fault.table])
        for table in TABLES:  # pictures first: a box may go because its picture does
            for fault in faults:
                if fault.table == table and fault.position not in self._gone[table]:
                    self._drop_row(fault)
        self.dropped.check_share(self._source, self._most)

    @property
    def dropped(self) -> Dropped:
        """What was left out so far."""
        images, annotations = self._reading.raw["images"], self._reading.raw["annotations"]
        gone = self._gone
        return Dropped(
            tuple(self._entries), len(gone["images"]), len(images), len(gone["annotations"]), len(annotations)
        )

    def kept(self) -> dict[str, list[Any]]:
        """Name of a list -> the rows that are left."""
        raw, gone = self._reading.raw, self._gone
        return {name: [row for at, row in enumerate(raw[name]) if at not in gone[name]] for name in TABLES}

    def identity(self, whole: str) -> str:
        """The identity of what is left, 16 hexadecimal digits, from that of the whole: the same if that is all."""
        if not self._entries:
            return whole
        rows = {name: sorted(positions) for name, positions in self._gone.items()}
        return hashlib.sha256(f"{whole} without {rows}".encode()).hexdigest()[:16]

    def _drop_row(self, fault: Fault) -> None:
        rows = self._reading.raw[fault.table]
        row = rows[fault.position]
        kind, known = fault.kind, isinstance(row, dict)
        if fault.table == "images" and known:
            self._drop_image(row, fault)
        elif fault.table == "annotations" and known and _key(row, "image_id") in self._dropped_images:
            kind = _WITH_ITS_PICTURE if kind == "unknown image" else kind
        self._put(fault.table, fault.position, kind, fault.clause)

    def _drop_image(self, row: Mapping[str, Any], fault: Fault) -> None:
        """Of two pictures of one id both go, since nothing says which of them a box belongs to."""
        image_id = _key(row, "id")
        if fault.kind != "duplicate id" or image_id is None:
            self._dropped_images |= set() if image_id is None else {image_id}
            return
        images: Sequence[Any] = self._reading.raw["images"]
        first = self._first[image_id]
        if first in self._gone["images"] or images[first].get("file_name") != row.get("file_name"):
            self._dropped_images.add(image_id)
            if first not in self._gone["images"]:
                self._put("images", first, fault.kind, f"images[{first}] has id {image_id}, which a later entry has")

    def _put(self, table: str, position: int, kind: str, reason: str) -> None:
        row = self._reading.raw[table][position]
        self._gone[table].add(position)
        self._entries.append(DroppedEntry(kind, self._picture(table, row), entry_name(table, position, row), reason))

    def _picture(self, table: str, row: Any) -> str:
        """The file name of the picture that a row is about; empty where there is none."""
        images = self._reading.raw["images"]
        if table == "annotations" and isinstance(row, dict):
            at = self._first.get(-1 if (key := _key(row, "image_id")) is None else key)
            row = None if at is None else images[at]
        return str(row.get("file_name", "")) if isinstance(row, dict) else ""


def _key(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    return value if type(value) is int else None
