"""Replacing a file in one step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nas.disk.folders import sync_folder
from search_spaces.errors import FileError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside ``path`` to write to; on leaving, that file takes ``path``'s place in one step.

    A reader sees the earlier file or the new one, also after a power failure: the new file is on the disk before it
    takes the place. When the block raises, ``path`` stays as it was. A symbolic link is followed, not replaced.

    Raises:
        FileError: the file cannot be written (a full disk, no permission, no such folder).
    """
    place = Path(os.path.realpath(path))
    temporary = place.with_name(f".{place.stem}.{os.getpid()}{place.suffix}")
    try:
        yield temporary
        _sync_file(temporary)
        os.replace(temporary, place)
        sync_folder(place.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileError(f"{path} cannot be written: {reason}; what was there before is unchanged.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
