"""Errors a user can mend: each carries one sentence that says what was wrong, where, and what would be right."""

from collections.abc import Iterable
from difflib import get_close_matches


class NasError(ValueError):
    """Base of every error that is the input's fault; commands print its sentence and end with exit code 2."""


class ArchitectureError(NasError):
    """An architecture breaks a rule; the sentence names the block and the rule."""


class SpaceError(NasError):
    """A search space cannot be built, or a decision or architecture lies outside it."""


class SpaceExhausted(NasError):
    """A controller has nothing new left to propose."""


class ControllerError(NasError):
    """A controller was configured, told or restored wrongly."""


class ConfigError(NasError):
    """A setting is unknown, misspelt or out of range."""


class DataError(NasError):
    """A data set is missing or broken; the sentence names the file and the entry."""


class RecordError(NasError):
    """A run folder or its record cannot be used as asked."""


class SearchError(NasError):
    """A search ended without a result."""


class FileError(NasError):
    """A file cannot be written or read; the sentence names it."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message; ``no message`` when it has none."""
    return (str(error).strip().splitlines() or ["no message"])[0]


def suggestion(name: object, known: Iterable[object]) -> str:
    """`` (did you mean 'x'?)`` for the nearest of the known names, or nothing when none is near."""
    close = get_close_matches(str(name), [str(one) for one in known], n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
