"""What a configuration can ask for by its kind: one form for spaces, controllers, proxies, data sets and runners.

A registry is a mapping from a kind's name to a :class:`Kind`. Nothing is imported before it is asked for, so that a
registry with a row for PyTorch or Ray costs nothing to those who take another row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pkgutil import resolve_name
from typing import Any, TypeVar

from search_spaces.errors import ConfigError, suggestion
from search_spaces.settings import build_settings

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of a registry; both entries are ``"module:object"``.

    Attributes:
        settings: the frozen dataclass of its settings.
        make: what makes the thing from its settings and whatever else the registry gives it; None where the settings
            are the thing itself.
    """

    settings: str
    make: str | None = None

    @property
    def settings_type(self) -> Any:
        """The dataclass of the settings, imported now."""
        return resolve_name(self.settings)

    @property
    def setting_names(self) -> tuple[str, ...]:
        """The names of the settings, in order."""
        return tuple(field.name for field in fields(self.settings_type))

    @property
    def maker(self) -> Callable[..., Any]:
        """What makes the thing, imported now."""
        return _itself if self.make is None else resolve_name(self.make)


def _itself(settings: Any) -> Any:
    return settings


def find(part: str, kinds: Mapping[str, Row], kind: object) -> Row:
    """The row of ``kind``.

    Args:
        part: what the registry holds, as it is called in a sentence, for example ``"controller"``.
        kinds: name -> row; the rows may be anything.

    Raises:
        ConfigError: there is no such kind; the sentence suggests the nearest one and lists all.
    """
    if not isinstance(kind, str) or kind not in kinds:
        raise ConfigError(f"unknown {part} {kind!r}{suggestion(kind, kinds)}; there are: {', '.join(sorted(kinds))}.")
    return kinds[kind]


def check_settings(part: str, row: Kind, values: Mapping[str, Any]) -> Any:
    """The row's settings dataclass made from plain values; what is left out keeps its default.

    Raises:
        ConfigError: an unknown setting, one of the wrong type, or one out of range. An error of the dataclass's own
            passes through.
    """
    if values and not row.setting_names:
        raise ConfigError(f"unknown {part} setting {next(iter(values))!r}; it has no settings.")
    return build_settings(row.settings_type, values, part)
