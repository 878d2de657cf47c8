"""A temporary folder that fits where others do not, and that the next process sweeps when its own was killed."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nas.machine.signals import undisturbed
from search_spaces.errors import FileError

LOCK = ".spinenet-search"
"""The file that marks a folder as ours; its process holds a lock on it, which ends when the process does."""

_PLAIN = re.compile(r"[A-Za-z0-9_./ +=,:@%-]*")
_REMOVALS = 20  # tries, while processes that are ending still write


@contextmanager
def temporary_folder(prefix: str, longest: int) -> Iterator[Path]:
    """A temporary folder for the block; those that killed processes of this user left behind are removed first.

    ``$TMPDIR`` is taken where it fits, and otherwise the first of the usual places that does.

    Args:
        prefix: what the folder's name begins with; 8 characters follow.
        longest: how many characters the path of the place may have; it must be plain ASCII.

    Raises:
        FileError: there is no place for it.
    """
    for place in _places():
        _sweep(place, prefix)
    folder, lock = _make(prefix, longest)
    try:
        yield folder
    finally:
        with undisturbed():
            _remove(folder)
            os.close(lock)


def default_place() -> Path:
    """``$TMPDIR``, or where it is not set or cannot be written the first of the usual places that can be."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        return Path("/tmp")


def _places() -> tuple[Path, ...]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    usual = [Path(place) for place in ("/tmp", "/var/tmp", *([runtime] if runtime else []), "/dev/shm")]
    return tuple(dict.fromkeys([default_place(), *usual]))


def _make(prefix: str, longest: int) -> tuple[Path, int]:
    """A new folder, and the descriptor that holds its lock."""
    refused = []
    for place in _places():
        if not _PLAIN.fullmatch(str(place)) or len(str(place)) > longest:
            refused.append(f"{place} is not plain ASCII of at most {longest} characters")
            continue
        try:
            while True:
                folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
                if (lock := _locked(folder)) is not None:
                    return folder, lock
        except OSError as error:
            refused.append(f"{place}: {error.strerror}")
    raise FileError(
        f"no temporary folder can be made ({'; '.join(refused)}); set TMPDIR to a folder that you may write to, whose "
        f"path is plain ASCII of at most {longest} characters."
    )


def _locked(folder: Path) -> int | None:
    """Mark the folder as ours and lock the mark; None when another process was quicker and swept the folder.

    Where the file system knows no locks there is none, and nobody can sweep the folder either.
    """
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        pass
    if (folder / LOCK).exists():
        return lock
    os.close(lock)
    return None


def _sweep(place: Path, prefix: str) -> None:
    """Remove what killed processes of this user left; a folder without our mark is left alone."""
    with suppress(OSError):
        for folder in place.glob(f"{prefix}*"):
            if not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == os.getuid():
                _remove_if_abandoned(folder)


def _remove_if_abandoned(folder: Path) -> None:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # its process is alive
        pass
    finally:
        os.close(lock)


def _remove(folder: Path) -> None:
    for _ in range(_REMOVALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
