"""Settings that name files and folders: their values are text, whatever they look like.

Hydra's grammar reads ``2024_01`` as a number and ``a,b`` as a sweep. Here a value that names a file stays as it was
typed, and a value whose meaning could be in doubt is refused with the form that says what was meant.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Mapping
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from search_spaces.errors import ConfigError

PATHS = frozenset(
    {
        "against",
        "arch",
        "checkpoint",
        "image",
        "images",
        "out",
        "run",
        "weights",
        "data.cache_dir",
        "data.root",
        "data.train_annotations",
        "data.train_images",
        "data.val_annotations",
        "data.val_images",
    }
)
"""Every setting of a command, or of a part of its configuration, that names a file or a folder."""
TEXTS = frozenset({"group"})
"""Settings that are texts full of characters with a meaning in Hydra's grammar, such as regular expressions."""
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
_SHOWN = 60  # characters of a path that is too long
_QUOTES = ("'", '"')


def assignment(key: str, value: str) -> str:
    """``key=value`` of a setting that names a file, quoted so that exactly this value arrives."""
    return f"{key}={value if _PLAIN.fullmatch(value) and value.lower() != 'null' else quoted(value)}"


def quoted(value: str) -> str:
    """A text in double quotes as Hydra reads it, with ``${`` as a part of the text."""
    value = re.sub(r'(\\*)(?="|\Z)', r"\1\1", literal(value)).replace('"', r"\"")
    return f'"{value}"'


def literal(value: Any) -> Any:
    """A value, or a group of values, in whose texts ``${`` is no interpolation."""
    if isinstance(value, str):
        return re.sub(r"(\\*)\$\{", r"\1\1\\${", value)
    if isinstance(value, Mapping):
        return {key: literal(inner) for key, inner in value.items()}
    return [literal(inner) for inner in value] if isinstance(value, list) else value


def text_argument(argument: str) -> str:
    """An argument ``key=value`` of ``TEXTS`` as Hydra must read it: the value is what was typed, but for null."""
    key, _, value = argument.partition("=")
    return argument if value in ("null", "") else f"{key}={quoted(value)}"


def path_argument(argument: str) -> str:
    """An argument ``key=value`` whose value names a file or a folder, as Hydra must read it.

    ``null`` without quotes is no name; ``~`` at the beginning is the user's home folder; quoted values and
    interpolations are left to Hydra.

    Raises:
        ConfigError: the value is empty, or is a list or another form of Hydra's grammar; the sentence has the form
            that makes it a name.
    """
    key, _, value = argument.partition("=")
    value = value.strip()
    override = _parsed(f"{key}={value}")
    if value in ("", "''", '""'):
        raise ConfigError(f"argument {argument!r}: {key} is empty; it must be the path of a file or a folder, or null.")
    if value.startswith(_QUOTES):
        if override is None or not isinstance(override.value(), str):
            raise _must_be_quoted(argument, key, value)
        return argument
    if value == "~" or value.startswith("~/"):
        return assignment(key, os.path.expanduser(value))
    if override is None:
        if value.startswith(("[", "{")) or "," in value:
            raise _must_be_quoted(argument, key, value)
        return f"{key}={quoted(value)}"
    if override.is_sweep_override() or isinstance(override.value(), list | dict) or _is_cast(value):
        raise _must_be_quoted(argument, key, value)
    return f"{key}={quoted(value)}" if isinstance(override.value(), bool | int | float) else argument


def path_values(part: str, settings: Mapping[str, Any], as_written: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a part's file, with the values that name files as they are written there.

    Args:
        settings: the file as YAML reads it, where ``root: 2024_01`` is a number.
        as_written: the same file with every value as text.
    """
    return {
        key: str(as_written.get(key, value)) if f"{part}.{key}" in PATHS and isinstance(value, int | float) else value
        for key, value in settings.items()
    }


def check_paths(config: Mapping[str, Any]) -> None:
    """Check that every path of a configuration can be one on this machine, whether something is there or not.

    Raises:
        ConfigError: it is too long, or holds a character that no name can have.
    """
    for key in sorted(PATHS):
        part, _, name = key.rpartition(".")
        settings = config.get(part) if part else config
        if isinstance(settings, Mapping) and isinstance(settings.get(name), str):
            check_path(key, settings[name])


def check_path(key: str, value: str) -> None:
    """Check that a value can be a path on this machine; ``key`` is what it was given for.

    Raises:
        ConfigError: it cannot.
    """
    shown = repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
    try:
        os.lstat(value)
    except ValueError:
        raise ConfigError(f"{key} is {shown}; it has a character that no file's name can have here.") from None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            size = len(os.fsencode(value))
            raise ConfigError(
                f"{key} is {shown}, {size:,} bytes long; a name has at most 255 bytes, and a path 4,095."
            ) from None


def _parsed(argument: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def _is_cast(value: str) -> bool:
    """Whether Hydra reads a call, such as ``str(5)``, whose value is another text than the one typed."""
    return re.match(r"\w+\(", value) is not None


def _must_be_quoted(argument: str, key: str, value: str) -> ConfigError:
    return ConfigError(
        f"argument {argument!r}: {key} names a file or a folder, and this value has characters with a meaning of "
        f"their own; quote it: {shlex.quote(f'{key}={quoted(value)}')}."
    )
