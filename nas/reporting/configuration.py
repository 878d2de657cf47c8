"""The recorded configuration of a run, as a report shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

PARTS = ("space", "controller", "proxy", "data", "samples", "seed")


def flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value) of nested settings, in the form in which they are typed on the command line."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", "null" if value is None else str(value)


def essentials(config: Mapping[str, Any]) -> dict[str, Any]:
    """The names of the parts of a search, its number of samples and its seed, as far as they were recorded."""
    parts = {key: config[key] for key in PARTS if key in config}
    return {key: value.get("name") if isinstance(value, Mapping) else value for key, value in parts.items()}
