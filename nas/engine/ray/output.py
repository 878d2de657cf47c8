"""What Ray's native libraries write past Python, straight to the terminal, goes into a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import TextIO

from nas.words import printable_messages

LOG_NAME = "ray.log"
_STANDARD = (1, 2)  # the descriptors of standard output and standard error


@contextmanager
def raw_lines_to(path: Path) -> Iterator[None]:
    """In the block, only what Python writes to ``sys.stderr`` reaches the terminal; the file is removed when empty.

    Lines are lost where the file cannot be written.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(descriptor) for descriptor in _STANDARD]
    target = _open(path)
    try:
        for descriptor in _STANDARD:
            os.dup2(target, descriptor)
        with _terminal(kept[1]) as terminal, redirect_stderr(printable_messages(terminal)):
            yield
    finally:
        for descriptor, original in zip(_STANDARD, kept):
            os.dup2(original, descriptor)
            os.close(original)
        os.close(target)
        _remove_if_empty(path)


@contextmanager
def _terminal(descriptor: int) -> Iterator[TextIO]:
    """What stands for ``sys.stderr``: written to line by line, also where it can no longer be written to."""
    stream = os.fdopen(
        descriptor, "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors, newline="", closefd=False
    )
    try:
        yield stream
    finally:
        with suppress(OSError):
            stream.close()


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _remove_if_empty(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
