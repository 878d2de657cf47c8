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
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    kept = {descriptor: copy for descriptor in _STANDARD if (copy := _copy(descriptor)) is not None}
    target = _open(path)
    try:
        for descriptor in kept:
            os.dup2(target, descriptor)
        with _messages_to(kept.get(2)):
            yield
    finally:
        for descriptor, original in kept.items():
            os.dup2(original, descriptor)
            os.close(original)
        os.close(target)
        _remove_if_empty(path)


def _copy(descriptor: int) -> int | None:
    """A second descriptor of the same file; None where it is closed."""
    try:
        return os.dup(descriptor)
    except OSError:
        return None


@contextmanager
def _messages_to(descriptor: int | None) -> Iterator[None]:
    """In the block, ``sys.stderr`` writes to the descriptor, line by line; one that leads elsewhere is left alone."""
    if descriptor is None or not _is_standard_error(sys.stderr):
        yield
        return
    stream = os.fdopen(
        descriptor, "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors, newline="", closefd=False
    )
    try:
        with redirect_stderr(printable_messages(stream)):
            yield
    finally:
        with suppress(OSError):
            stream.close()


def _is_standard_error(stream: TextIO | None) -> bool:
    with suppress(OSError, ValueError):
        return stream is not None and stream.fileno() == 2
    return False


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _remove_if_empty(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()
