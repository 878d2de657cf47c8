"""Settings from a configuration file: plain values in, a checked dataclass out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from search_spaces.errors import ConfigError

Settings = TypeVar("Settings")


def build_settings(kind: type[Settings], values: Mapping[str, Any], where: str) -> Settings:
    """A dataclass from its fields by name; fields left out keep their defaults.

    Args:
        where: how the settings are called in a sentence, for example ``data``.

    Raises:
        ConfigError: an unknown key, with the nearest known one; a missing key; or a value of the wrong type.
    """
    known = tuple(getattr(kind, "__dataclass_fields__", ()))
    for key in values:
        if key not in known:
            raise ConfigError(
                f"unknown {where} setting {key!r}{suggestion(key, known)}; there are: {', '.join(known)}."
            )
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(
            f"{where} settings {dict(values)}: a value is missing or of the wrong type ({error})."
        ) from None


def suggestion(name: Any, known: Iterable[str]) -> str:
    """`` (did you mean 'x'?)``, or nothing when no known name is near."""
    close = get_close_matches(str(name), list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
