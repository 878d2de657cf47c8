"""What a detection in many pictures has found so far, a row a picture, so that it goes on after whatever ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.detecting import Broken, Found
from nas.reporting.detections import as_row
from nas.studies.rows import append_rows, read_rows
from search_spaces.errors import FileError
from search_spaces.settings import as_yaml

NAME = "rows.jsonl"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a folder.

    Attributes:
        path: of the file; its first row has the settings.
        found: name of a picture -> its row, for those that could be read.
    """

    path: Path
    found: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, settings: Mapping[str, Any]) -> Rows:
        """The rows of a folder, which is made where it is not there.

        Raises:
            FileError: the folder holds other files, or rows of other settings, or cannot be written.
        """
        path = folder / NAME
        rows = read_rows(path)
        if rows:
            _check_same(rows[0].get("settings", {}), settings, folder)
        elif folder.exists() and (not folder.is_dir() or any(one.name != NAME for one in folder.iterdir())):
            raise FileError(f"out folder {folder} exists and is not an empty folder; give another out=, or empty it.")
        else:
            append_rows(path, [{"settings": dict(settings)}])
        return cls(path, {row["file"]: row for row in rows if "boxes" in row})

    def add(self, result: Found | Broken) -> None:
        """Keep what was found in a picture; on return it is on the disk.

        Raises:
            FileError: it cannot be written.
        """
        row = as_row(result)
        append_rows(self.path, [row])
        if isinstance(result, Found):
            self.found[row["file"]] = row


def _check_same(earlier: Mapping[str, Any], settings: Mapping[str, Any], folder: Path) -> None:
    for key, value in settings.items():
        if earlier.get(key) != value:
            raise FileError(
                f"out folder {folder} holds detections with {key} {as_yaml(earlier.get(key))}, not {as_yaml(value)}; "
                f"give that to go on, or another out=."
            )
