"""Errors that a user can mend. Each carries one sentence that says what was wrong, where, and what would be right."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_COLOURS = re.compile("\x1b\\[[0-9;]*m")


class NasError(ValueError):
    """Base of every error that is the input's fault; commands print its sentence and end with exit code 2."""


class ArchitectureError(NasError):
    """An architecture breaks a rule; the sentence names the block and the rule."""


class SpaceError(NasError):
    """A search space cannot be built, or a decision or architecture lies outside it."""


class SpaceExhausted(NasError):
    """A controller has nothing new left to propose."""


class ControllerError(NasError):
    """A controller was told or restored wrongly."""


class ConfigError(NasError):
    """A setting is unknown, misspelt or out of range."""


class DataError(NasError):
    """A data set is missing or broken; the sentence names the file and the entry."""


class RecordError(NasError):
    """A run folder or its record cannot be used as asked."""


class SearchError(NasError):
    """A search ended without a result."""


class TrainingError(NasError):
    """A training cannot go on; the sentence says at which step, and what is left of it."""


class FileError(NasError):
    """A file cannot be written or read; the sentence names it."""


def first_line(message: object, otherwise: str = "no message") -> str:
    """The first line of an error's message, without a terminal's colours; ``otherwise`` when there is none.

    Args:
        message: an exception, or its message.
        otherwise: what stands in for an empty message.
    """
    text = _COLOURS.sub("", str(message)).strip()
    return text.splitlines()[0] if text else otherwise


def suggestion(name: object, known: Iterable[object]) -> str:
    """`` (did you mean 'x'?)`` for the nearest of the known names, or an empty text when none is near."""
    close = get_close_matches(str(name), [str(one) for one in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
