"""Rows of the record: an event as JSON with a checksum, and which rows can be believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from search_spaces.errors import RecordError

Event = Mapping[str, Any]
"""A JSON-ready dictionary whose ``kind`` is ``"session"``, ``"proposed"`` or ``"finished"``."""


def to_row(number: int, event: Event) -> tuple[int, bytes, str]:
    """Row ``number`` (1, 2, ...) of the record: its number, the event as JSON, the checksum of both."""
    payload = json.dumps(event, separators=(",", ":"), default=float).encode()
    return number, payload, _checksum(number, payload)


def from_rows(rows: Sequence[tuple[Any, Any, Any]], path: Path) -> tuple[list[Event], list[str]]:
    """The events of all rows in order, and a warning when the last row is torn and was dropped.

    Raises:
        RecordError: a row is missing, or one before the last is damaged.
    """
    events: list[Event] = []
    for due, (number, payload, checksum) in enumerate(rows, start=1):
        if number != due:
            raise RecordError(f"record {path}: row {due} is missing (the next is {number}); restore it from a copy.")
        event = _from_row(number, payload, checksum)
        if event is not None:
            events.append(event)
        elif due == len(rows):
            return events, [f"record {path}: its last row ({number}) is torn and was dropped; its event is done again."]
        else:
            raise RecordError(
                f"record {path}: row {number} of {len(rows)} fails its checksum; only a torn last row can be dropped, "
                "restore the file from a copy."
            )
    return events, []


def _from_row(number: int, payload: Any, checksum: Any) -> Event | None:
    """The event, or None when the row is not as it was written."""
    if not isinstance(payload, bytes) or checksum != _checksum(number, payload).encode():
        return None
    try:
        event = json.loads(payload)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _checksum(number: int, payload: bytes) -> str:
    return hashlib.sha256(b"%d:" % number + payload).hexdigest()[:16]
