"""What the record stands on: the lock against a second driver, SQLite connections, and errors as sentences."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from search_spaces.errors import RecordError

REPAIR = (
    "give repair=true (with resume=true to nas.search, or to nas.report) to go on with all whole rows before the damage"
)
"""What a sentence about a damaged record advises."""

_BUSY_SECONDS = 30.0
_REASONS = {
    "SQLITE_FULL": "cannot be written, nothing was lost: free space on the disk, then resume",
    "SQLITE_IOERR": "cannot be written or read; what it held is kept: check the disk and its free space, then resume",
    "SQLITE_READONLY": "may not be written: give a run folder that you may write to",
    "SQLITE_CANTOPEN": "cannot be opened: check the permissions of the file and of its folder",
    "SQLITE_PERM": "cannot be opened: check the permissions of the file and of its folder",
    "SQLITE_BUSY": "is locked by another program: close that program, then resume",
    "SQLITE_NOTADB": f"is not the record of a search, or its first page is damaged: {REPAIR}",
    "SQLITE_CORRUPT": f"is damaged: {REPAIR}",
    "SQLITE_ERROR": f"cannot be read as the record of a search: {REPAIR}",
}


@contextmanager
def sentences(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise about the record ``path`` into one :class:`RecordError` sentence."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "")
        reason = next((text for start, text in _REASONS.items() if name.startswith(start)), "cannot be used")
        raise RecordError(f"record {path} {reason} ({error}).") from None
    except UnicodeDecodeError:  # SQLite quotes in its error what it cannot read
        raise RecordError(f"record {path} {_REASONS['SQLITE_CORRUPT']}.") from None
    except OSError as error:
        raise RecordError(
            f"record {path} cannot be written: {error.strerror}; give a run folder on a disk with free space that "
            "you may write to."
        ) from None


@contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Lock the folder against a second driver and give the lock's file descriptor.

    The lock outlives the block, unless that raises: it ends when the descriptor is closed or the process ends.

    Raises:
        RecordError: another process holds it.
    """
    path = folder / ".lock"
    with sentences(path):
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with sentences(path):
            _acquire(lock, folder)
        yield lock
    except BaseException:
        os.close(lock)
        raise


def _acquire(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        owner = os.pread(lock, 32, 0).decode(errors="replace") or "unknown"
        raise RecordError(
            f"run folder {folder} is in use by another search (process {owner}); wait for it or end it, or choose "
            "another run folder."
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)


def connect(path: Path) -> sqlite3.Connection:
    """Open an existing database; texts come as bytes, and every commit is synchronised to the disk.

    A reader opens it for writing too, since it may have to undo the half-written commit of a killed search.

    Raises:
        RecordError: it cannot be opened.
    """
    with sentences(path):
        uri = f"file:{quote(os.fsencode(path.absolute()))}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.text_factory = bytes
        connection.execute("PRAGMA synchronous=EXTRA")
        return connection
