"""Where two identities of searches differ."""

from __future__ import annotations

from typing import Any


def first_difference(there: Any, here: Any, key: str = "") -> tuple[str, Any, Any] | None:
    """The first differing key (dotted) of two nested dictionaries, with both values; None where they are equal."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in [*there, *(name for name in here if name not in there)]:
            inner = f"{key}.{name}" if key else name
            if found := first_difference(there.get(name), here.get(name), inner):
                return found
        return None
    return None if there == here else (key, there, here)
