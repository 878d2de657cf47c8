"""Names and values of other people's files within a sentence: on one line, not too long, and always printable."""

from __future__ import annotations

LONGEST_NAME = 240
LONGEST_VALUE = 60


def shown_name(name: object) -> str:
    """A name or path with what cannot be printed (line breaks, lone surrogates) escaped, and a long middle left out."""
    text = str(name)
    if len(text) > LONGEST_NAME:
        half = (LONGEST_NAME - 3) // 2
        text = f"{text[:half]}...{text[-half:]}"
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def shown_value(value: object) -> str:
    """A value as Python writes it, its end left out where that is long."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number of too many digits
        return f"a value of type {type(value).__name__} that is too long to show"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
