"""Settings from a configuration file: plain values in, a checked dataclass out; and the checks, worded once.

A settings class calls the checks (:func:`at_least` and those below it) in its ``__post_init__`` with the names of its
own fields. :func:`build_settings` puts the path in front of them: ``momentum`` becomes ``proxy.optimiser.momentum``.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
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
_INTERVALS = {
    "[]": "at least {} and at most {}",
    "[)": "at least {} and below {}",
    "(]": "above {} and at most {}",
    "()": "above {} and below {}",
}


class SettingError(ConfigError):
    """One setting is out of range: its name and what is wrong with it, ``is 0; it must be at least 1.``"""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)

    def __str__(self) -> str:
        return " ".join(self.args)

    def under(self, where: str) -> SettingError:
        """The same about the setting ``where.name``."""
        name, problem = self.args
        return SettingError(f"{where}.{name}", problem)


def build_settings(
    kind: type[Settings], values: Mapping[str, Any], where: str, base: Settings | None = None
) -> Settings:
    """A dataclass from its fields by name; fields left out keep their defaults.

    A mapping given for a field that is itself a dataclass changes the fields it names in that field's default.

    Args:
        kind: the dataclass; a class that is none has no settings.
        values: plain values, as read from YAML or JSON.
        where: what the settings are called in a sentence, for example ``data``.
        base: where fields that are left out come from, in place of the defaults of ``kind``.

    Raises:
        ConfigError: an unknown key, with the nearest known one; a missing key; a value of the wrong type or out of
            range. The sentence names the path.
    """
    all_fields = dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()
    fields = {field.name: field for field in all_fields if field.init}
    hints = get_type_hints(kind)
    checked = {}
    for key, value in values.items():
        if key not in fields:
            raise ConfigError(
                f"unknown {where} setting {key!r}{suggestion(key, fields)}; there are: {', '.join(fields)}."
            )
        default = _default(fields[key]) if base is None else getattr(base, key)
        checked[key] = _build_value(hints[key], value, f"{where}.{key}", default)
    try:
        return kind(**checked) if base is None else dataclasses.replace(base, **checked)  # type: ignore[type-var]
    except SettingError as error:
        raise error.under(where) from None
    except TypeError as error:
        raise ConfigError(f"{where} settings {dict(values)}: a value is missing ({error}).") from None


def integer(name: str, value: object) -> None:
    """Check that a setting is an integer.

    Raises:
        SettingError: it is not; so do all checks below.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise SettingError(name, f"is {value!r}; it must be an integer.")


def number(name: str, value: object) -> None:
    """Check that a setting is a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise SettingError(name, f"is {value!r}; it must be a finite number.")


def at_least(name: str, value: float, least: float) -> None:
    """Check that a setting is a number of at least ``least``."""
    number(name, value)
    if value < least:
        raise SettingError(name, f"is {value!r}; it must be at least {least}.")


def positive(name: str, value: float) -> None:
    """Check that a setting is a number above 0."""
    number(name, value)
    if value <= 0:
        raise SettingError(name, f"is {value!r}; it must be above 0.")


def within(name: str, value: float, low: float, high: float, ends: str = "[]") -> None:
    """Check that a setting is a number in an interval.

    Args:
        ends: which ends belong to it, in the notation of mathematics: ``"[]"``, ``"[)"``, ``"(]"`` or ``"()"``.
    """
    number(name, value)
    above = low <= value if ends[0] == "[" else low < value
    below = value <= high if ends[1] == "]" else value < high
    if not (above and below):
        raise SettingError(name, f"is {value!r}; it must be {_INTERVALS[ends].format(low, high)}.")


def not_above(name: str, value: float, other: str, limit: float) -> None:
    """Check that a setting is no larger than another one, called ``other``, whose value is ``limit``."""
    if value > limit:
        raise SettingError(name, f"is {value!r} and {other} is {limit!r}; {name} must not be above {other}.")


def one_of(name: str, value: object, allowed: Iterable[object]) -> None:
    """Check that a setting is one of a few values."""
    allowed = tuple(allowed)
    if value not in allowed:
        names = ", ".join(map(str, allowed))
        raise SettingError(name, f"is {value!r}{suggestion(value, allowed)}; it must be one of: {names}.")


def _build_value(hint: Any, value: Any, where: str, default: Any) -> Any:
    """The checked value of one field; a mapping for a dataclass becomes that dataclass."""
    kinds = _plain_types(hint)
    nested = next(filter(_is_settings, kinds), None)
    if nested is not None and isinstance(value, Mapping):
        return build_settings(nested, value, where, default if isinstance(default, nested) else None)
    if not any(_fits(value, plain) for plain in kinds):
        words = " or ".join(_word(plain) for plain in kinds)
        raise ConfigError(f"{where} is {value!r}; it must be {words}.")
    return value


def _default(field: dataclasses.Field[Any]) -> Any:
    """A field's default, or None where it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _plain_types(hint: Any) -> tuple[Any, ...]:
    """``int | None`` -> (int, NoneType); ``tuple[int, ...]`` -> (tuple,)."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(get_origin(option) or option for option in options)


def _is_settings(plain: Any) -> bool:
    return isinstance(plain, type) and dataclasses.is_dataclass(plain)


def _word(plain: Any) -> str:
    return _WORDS[Mapping] if _is_settings(plain) else _WORDS.get(plain, plain.__name__)


def _fits(value: Any, plain: Any) -> bool:
    if isinstance(value, bool):
        return plain is bool
    if isinstance(value, float) and not math.isfinite(value):
        return False
    accepted = {float: (int, float), tuple: (list, tuple)}.get(plain, (plain,))
    return isinstance(value, accepted)
