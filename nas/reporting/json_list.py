"""A long list as JSON, written row by row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TextIO


def write_list(file: TextIO, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows as a JSON list, a line each; their text is never in memory as a whole."""
    file.write("[")
    for number, row in enumerate(rows):
        file.write((",\n" if number else "\n") + json.dumps(row, separators=(",", ":")))
    file.write("\n]\n")
