"""Settings from a configuration file: plain values in, a checked dataclass out; and the checks, worded once.

A settings class calls the checks (:func:`of_type` and those below it) in its ``__post_init__`` with the names of its
own fields. :func:`build_settings` puts the path in front of them: ``momentum`` becomes ``proxy.optimiser.momentum``.
"""

from __future__ import annotations

import dataclasses
import sys
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
    list: "a list",
    Mapping: "a group of settings",
    dict: "a group of settings",
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

    @property
    def name(self) -> str:
        """The setting's name, with the path as far as it is known."""
        return str(self.args[0])

    def under(self, where: str) -> SettingError:
        """The same about the setting ``where.name``."""
        return SettingError(f"{where}.{self.name}", self.args[1])


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
    missing = [] if base is not None else [name for name in fields if name not in checked and _is_needed(fields[name])]
    if missing:
        raise ConfigError(f"{where}.{missing[0]} is missing; it has no default.")
    try:
        return kind(**checked) if base is None else dataclasses.replace(base, **checked)  # type: ignore[type-var]
    except SettingError as error:
        raise error.under(where) from None


def as_yaml(value: object) -> str:
    """A plain value as a user types it: ``null``, ``true``, ``[1, 2]``."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {as_yaml(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_yaml, value))}]"
    return repr(value)


def fits(value: object, plain: Any) -> bool:
    """Whether a value has a plain type: ``float`` takes integers too, ``tuple`` lists; true and false are no numbers.

    Numbers that are infinite, not a number, or too large for a float are no ``float``.
    """
    if isinstance(value, bool):
        return plain is bool
    if plain is float:
        return isinstance(value, int | float) and abs(value) <= sys.float_info.max
    return isinstance(value, (list, tuple) if plain is tuple else plain)


def of_type(name: str, value: object, *types: Any, example: object = None) -> None:
    """Check that a setting has one of a few plain types, as :func:`fits` has it.

    Args:
        name: what the setting is called in the sentence.
        types: for example ``int``, ``NoneType`` or a settings dataclass, which stands for a group of settings.
        example: a value that would be right, for the sentence; None for none.

    Raises:
        SettingError: it has none of them; so do all checks below.
    """
    if not any(fits(value, plain) for plain in types):
        words = " or ".join(map(_word, types))
        ending = "" if example is None else f", for example {as_yaml(example)}"
        raise SettingError(name, f"is {as_yaml(value)}; it must be {words}{ending}.")


def boolean(name: str, value: object) -> None:
    """Check that a setting is true or false."""
    of_type(name, value, bool)


def integer(name: str, value: Any, least: int | None = None) -> None:
    """Check that a setting is an integer, and at least ``least`` where that is given."""
    of_type(name, value, int)
    if least is not None:
        at_least(name, value, least)


def number(name: str, value: object) -> None:
    """Check that a setting is a finite number."""
    of_type(name, value, float)


def at_least(name: str, value: float, least: float) -> None:
    """Check that a setting is a number of at least ``least``."""
    _comparable(name, value)
    if value < least:
        raise SettingError(name, f"is {as_yaml(value)}; it must be at least {least}.")


def positive(name: str, value: float) -> None:
    """Check that a setting is a number above 0."""
    _comparable(name, value)
    if value <= 0:
        raise SettingError(name, f"is {as_yaml(value)}; it must be above 0.")


def within(name: str, value: float, low: float, high: float, ends: str = "[]") -> None:
    """Check that a setting is a number in an interval.

    Args:
        ends: which ends belong to it, in the notation of mathematics: ``"[]"``, ``"[)"``, ``"(]"`` or ``"()"``.
    """
    _comparable(name, value)
    above = low <= value if ends[0] == "[" else low < value
    below = value <= high if ends[1] == "]" else value < high
    if not (above and below):
        raise SettingError(name, f"is {as_yaml(value)}; it must be {_INTERVALS[ends].format(low, high)}.")


def not_above(name: str, value: float, other: str, limit: float) -> None:
    """Check that a setting is no larger than another one, called ``other``, whose value is ``limit``."""
    _comparable(name, value)
    _comparable(other, limit)
    if value > limit:
        raise SettingError(
            name, f"is {as_yaml(value)} and {other} is {as_yaml(limit)}; {name} must not be above {other}."
        )


def one_of(name: str, value: object, allowed: Iterable[object]) -> None:
    """Check that a setting is one of a few values."""
    allowed = tuple(allowed)
    if value not in allowed:
        names = ", ".join(one if isinstance(one, str) else as_yaml(one) for one in allowed)
        raise SettingError(name, f"is {as_yaml(value)}{suggestion(value, allowed)}; it must be one of: {names}.")


def _build_value(hint: Any, value: Any, where: str, default: Any) -> Any:
    """The checked value of one field; a mapping for a dataclass becomes that dataclass."""
    kinds = _plain_types(hint)
    nested = next(filter(_is_settings, kinds), None)
    if nested is not None and isinstance(value, Mapping):
        return build_settings(nested, value, where, default if isinstance(default, nested) else None)
    of_type(where, value, *kinds)
    for position, inner in enumerate(value if isinstance(value, list | tuple) else ()):
        _build_value(_item(hint), inner, f"{where}[{position}]", None)
    return value


def _comparable(name: str, value: object) -> None:
    """Check that a setting is a number that bounds can be put to: finite, or an integer of any size."""
    if not fits(value, int):
        number(name, value)


def _default(field: dataclasses.Field[Any]) -> Any:
    """A field's default, or None where it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _is_needed(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _options(hint: Any) -> tuple[Any, ...]:
    """``int | None`` -> (int, NoneType)."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _plain_types(hint: Any) -> tuple[Any, ...]:
    """``tuple[int, ...] | None`` -> (tuple, NoneType)."""
    return tuple(get_origin(option) or option for option in _options(hint))


def _item(hint: Any) -> Any:
    """What the items of a list must be: ``tuple[int, ...] | None`` -> int."""
    return next((get_args(option)[0] for option in _options(hint) if get_origin(option) is tuple), object)


def _is_settings(plain: Any) -> bool:
    return isinstance(plain, type) and dataclasses.is_dataclass(plain)


def _word(plain: Any) -> str:
    return _WORDS[Mapping] if _is_settings(plain) else _WORDS.get(plain, plain.__name__)
