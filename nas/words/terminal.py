"""What a terminal can show: printing never fails, and text from outside never steers the terminal.

Names come from data sets, files and shells. A character that the output's encoding lacks, a half of a surrogate pair,
or an escape sequence in a name is replaced by a mark; everything that is printed passes :class:`PrintableStream`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO, cast

from search_spaces.errors import FileError

MARK = "\ufffd"
"""Stands where a character cannot be shown; ``?`` where the encoding has no such mark."""
_CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
_SURROGATES = "\ud800-\udfff"
_SEPARATORS = "\u2028\u2029"
_DIRECTIONS = "\u200e\u200f\u202a-\u202e\u2066-\u2069"  # they turn the text after them round
_HIDDEN = re.compile(f"[{_CONTROLS}{_SURROGATES}{_SEPARATORS}{_DIRECTIONS}]")
"""All of these but line feeds and tabs."""


def printable(text: str, encoding: str | None = None) -> str:
    """A text of several lines as a terminal can show it; line feeds and tabs stay.

    Args:
        encoding: of the output; None leaves every character that could be shown somewhere.
    """
    text = _HIDDEN.sub(MARK, text)
    return text if encoding is None else text.encode(encoding, "replace").decode(encoding)


def one_line(text: str) -> str:
    """A name as it can stand in a line; line feeds and tabs are replaced too."""
    return printable(text.replace("\n", MARK).replace("\t", MARK))


class PrintableStream:
    """A text stream that writes what :func:`printable` makes of a text; otherwise it is the stream that it was made of.

    Where the disk is full, the output of a command is an error, but a message is lost and nothing more.
    """

    def __init__(self, stream: TextIO, name: str, must_arrive: bool) -> None:
        """``name`` is what the stream is called in an error; ``must_arrive`` is False for messages."""
        self._stream, self._name, self._must_arrive = stream, name, must_arrive

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text with what cannot be shown replaced; the number of characters given.

        Raises:
            FileError: it cannot be written, and must arrive.
            BrokenPipeError: nobody reads on, and it must arrive.
        """
        self.write_raw(printable(text, self._stream.encoding))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts one after another."""
        for line in lines:
            self.write(line)

    def write_raw(self, text: str) -> None:
        """Write a text as it is, escape sequences too."""
        with self._failures():
            self._stream.write(text)

    def flush(self) -> None:
        """Pass on what was written."""
        with self._failures():
            self._stream.flush()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if self._must_arrive and isinstance(error, BrokenPipeError):
                raise
            if self._must_arrive:
                raise FileError(f"{self._name} cannot be written: {error.strerror}.") from None


@contextmanager
def printable_output() -> Iterator[None]:
    """Within the block, standard output and standard error are printable streams; what was closed takes all and shows
    nothing."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        output: Any = PrintableStream(sys.stdout or nowhere, "standard output", must_arrive=True)
        with redirect_stdout(output), redirect_stderr(printable_messages(sys.stderr or nowhere)):
            yield


def printable_messages(stream: TextIO) -> TextIO:
    """A stream that stands for standard error, made printable; what cannot be written to it is lost."""
    return cast(TextIO, PrintableStream(stream, "standard error", must_arrive=False))


def warn(*sentences: str) -> None:
    """Each warning, on a line of its own on standard error."""
    for sentence in sentences:
        print(f"warning: {sentence}", file=sys.stderr)


def rewrite_line(stream: TextIO | PrintableStream, text: str) -> None:
    """Put a text in the place of a terminal's current line."""
    line = f"\r{printable(text, stream.encoding)}\x1b[K"
    if isinstance(stream, PrintableStream):
        stream.write_raw(line)
    else:
        stream.write(line)
    stream.flush()
