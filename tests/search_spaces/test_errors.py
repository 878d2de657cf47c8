"""Errors: one base, one line, one nearest name."""

import pytest

from search_spaces import errors
from search_spaces.errors import NasError, first_line, suggestion


@pytest.mark.parametrize(
    "kind", [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
)
def test_every_error_is_bad_input(kind: type[Exception]) -> None:
    assert issubclass(kind, NasError)
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("one\ntwo", "one"),
        ("\n  one  \ntwo", "one  "),
        ("\x1b[31mone\x1b[0m\ntwo", "one"),
        ("\x1b[1;31m\n\x1b[0mone", "one"),
        ("", "no message"),
        (" \n ", "no message"),
        ("\x1b[0m", "no message"),
    ],
)
def test_first_line(message: str, line: str) -> None:
    assert first_line(RuntimeError(message)) == first_line(message) == line


def test_something_else_can_stand_in_for_an_empty_message() -> None:
    assert first_line(KeyError(), "KeyError") == "KeyError"
    assert first_line("\n", "") == ""
    assert first_line("one", "two") == "one"


def test_suggestion() -> None:
    assert suggestion("widht", ["width", "alpha"]) == " (did you mean 'width'?)"
    assert suggestion("zzz", ["width"]) == ""
    assert suggestion(5, [50, 7]) == " (did you mean '50'?)"
