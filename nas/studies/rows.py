"""A file of rows, one JSON object a line, that is only ever appended to: what a long measurement has given so far."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from search_spaces.errors import FileError, RecordError

Row = Mapping[str, Any]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows in order; none where there is no file. A last line without its end, torn by a kill, is left out.

    Raises:
        RecordError: another line is no JSON object.
        FileError: the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(f"{path} cannot be read: {error}.") from None
    whole, _, _ = text.rpartition("\n")
    return [_row(line, number, path) for number, line in enumerate(whole.splitlines(), start=1) if line]


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Add rows at the end; on return they are on the disk. A torn last line is cut off before.

    Raises:
        FileError: the file cannot be written; the rows that it held are whole.
    """
    text = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            _cut_torn_line(file.fileno())
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FileError(f"{path} cannot be written: {error.strerror or error}.") from None


def _cut_torn_line(descriptor: int) -> None:
    size = end = os.fstat(descriptor).st_size
    while end and os.pread(descriptor, 1, end - 1) != b"\n":
        end -= 1
    if end != size:
        os.ftruncate(descriptor, end)


def _row(line: str, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise RecordError(f"{path}, line {number}: it is no JSON object; remove the line, and it is measured again.")
    return row
