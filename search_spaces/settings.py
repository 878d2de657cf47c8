"""Settings from a configuration file: plain values in, a checked dataclass out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from search_spaces.errors import ConfigError, suggestion

Settings = TypeVar("Settings")
_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "an integer",
    float: "a finite number",
    str: "a text",
    tuple: "a list",
    Mapping: "a group of settings",
    NoneType: "null",
}


def build_settings(kind: type[Settings], values: Mapping[str, Any], where: str) -> Settings:
    """A dataclass from its fields by name; fields left out keep their defaults.

    Args:
        where: how the settings are called in a sentence, for example ``data``.

    Raises:
        ConfigError: an unknown key, with the nearest known one; a missing key; or a value of the wrong type.
    """
    known = tuple(getattr(kind, "__dataclass_fields__", ()))
    hints = get_type_hints(kind)
    for key, value in values.items():
        if key not in known:
            raise ConfigError(
                f"unknown {where} setting {key!r}{suggestion(key, known)}; there are: {', '.join(known)}."
            )
        kinds = _plain_types(hints[key])
        if not any(_fits(value, plain) for plain in kinds):
            words = " or ".join(_WORDS.get(plain, plain.__name__) for plain in kinds)
            raise ConfigError(f"{where}.{key} is {value!r}; it must be {words}.")
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{where} settings {dict(values)}: a value is missing ({error}).") from None


def _plain_types(hint: Any) -> tuple[Any, ...]:
    """``int | None`` -> (int, NoneType); ``tuple[int, ...]`` -> (tuple,)."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(get_origin(option) or option for option in options)


def _fits(value: Any, plain: Any) -> bool:
    if isinstance(value, bool):
        return plain is bool
    if isinstance(value, float) and not math.isfinite(value):
        return False
    accepted = {float: (int, float), tuple: (list, tuple)}.get(plain, (plain,))
    return isinstance(value, accepted)
