"""Publishing a folder in one step, and keeping a folder's entries."""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Synchronise the folder's entries to the disk, so that a rename survives a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def publishing(folder: Path) -> Iterator[Path]:
    """A new folder beside ``folder`` to fill; on leaving, it takes that name in one step.

    A reader sees the whole folder or none. When two processes make the same folder, the first to finish wins and the
    other's copy is dropped. When the block raises, nothing is left. What killed processes of this machine left half
    made for the same name is removed first.

    Raises:
        OSError: the folder cannot be written. The caller knows what the folder is for, and words the error.
    """
    _remove_abandoned(folder)
    partial = folder.with_name(f"{_prefix(folder)}{os.getpid()}-{uuid.uuid4().hex[:8]}")
    partial.mkdir()
    try:
        yield partial
        _rename(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _prefix(folder: Path) -> str:
    return f"{folder.name}.partial-{socket.gethostname()}-"


def _rename(partial: Path, folder: Path) -> None:
    try:
        partial.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


def _remove_abandoned(folder: Path) -> None:
    prefix = _prefix(folder)
    for left in folder.parent.glob(f"{folder.name}.partial-*"):
        process = left.name.removeprefix(prefix).split("-")[0]
        if left.name.startswith(prefix) and process.isdigit() and not _is_alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
