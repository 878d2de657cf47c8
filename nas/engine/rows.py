"""Rows of the record: an event as JSON with a checksum, and which rows can be believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.engine.database import REPAIR
from nas.engine.events import Event, event_from_json
from search_spaces.errors import RecordError


def to_row(number: int, event: Event) -> tuple[int, bytes, str]:
    """Row ``number`` (1, 2, ...) of the record: its number, the event as JSON, the checksum of both."""
    payload = json.dumps(event.to_json(), separators=(",", ":"), default=float).encode()
    return number, payload, checksum(number, payload)


def checksum(number: int, payload: bytes) -> str:
    """What tells a whole row from a torn one: 16 hexadecimal digits of SHA-256."""
    return hashlib.sha256(b"%d:" % number + payload).hexdigest()[:16]


def from_rows(rows: Sequence[tuple[Any, Any, Any]], path: Path) -> tuple[list[Event], list[str]]:
    """The events of all rows in order, and a warning when the last row is torn and was dropped.

    Args:
        rows: number, payload and checksum as the database holds them, by number.
        path: of the record, for messages.

    Raises:
        RecordError: a row is missing, one before the last is damaged, or one holds no event that is known.
    """
    events: list[Event] = []
    for expected, (number, payload, check) in enumerate(rows, start=1):
        if number != expected:
            raise RecordError(f"record {path}: row {expected} is missing (the next is {number}); {REPAIR}.")
        data = _from_row(number, payload, check)
        if data is not None:
            events.append(_event(number, data, path))
        elif expected == len(rows):
            return events, [f"record {path}: its last row ({number}) is torn and was dropped; its event is done again."]
        else:
            raise RecordError(
                f"record {path}: row {number} of {len(rows)} fails its checksum; only a torn last row is dropped "
                f"unasked; {REPAIR}."
            )
    return events, []


def _from_row(number: int, payload: Any, check: Any) -> dict[str, Any] | None:
    """The event as JSON gives it, or None when the row is not as it was written."""
    if not isinstance(payload, bytes) or check != checksum(number, payload).encode():
        return None
    try:
        data = json.loads(payload)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _event(number: int, data: dict[str, Any], path: Path) -> Event:
    try:
        return event_from_json(data)
    except RecordError as error:
        raise RecordError(f"record {path}, row {number}: {error}") from None
