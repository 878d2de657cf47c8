"""The user's home folder and its cache, also for a user who has none or may not write to it."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from nas.machine.temporary import default_place
from search_spaces.errors import FileError

log = logging.getLogger(__name__)


def ensure_home(name: str) -> None:
    """Set ``HOME`` where it is not set and the user's number has no account (a container's ``--user 12345``).

    Libraries that ask for the home folder fail without. It becomes this user's own folder ``name`` in the temporary
    one, with the number of the user.
    """
    try:
        Path.home()
    except RuntimeError:
        folder = _temporary(name)
        if _is_private(folder):
            os.environ["HOME"] = str(folder)
            _say_once(
                f"there is no home folder; {folder} is used. To keep decoded images elsewhere, set data.cache_dir."
            )


def cache_folder(name: str) -> Path:
    """``name`` under ``$XDG_CACHE_HOME`` or ``~/.cache``; where neither can be written, one in the temporary folder.

    Raises:
        FileError: the one in the temporary folder belongs to another user.
    """
    place = _cache_home()
    if place is not None and _can_be_written(place / name):
        return place / name
    folder = _temporary(name)
    where = "there is no home folder" if place is None else f"{place / name} cannot be written"
    if not _is_private(folder):
        raise FileError(f"{where}, and {folder} is not a folder of yours; set data.cache_dir.")
    _say_once(f"{where}; decoded images are kept in {folder}. To keep them elsewhere, set data.cache_dir.")
    return folder


def _temporary(name: str) -> Path:
    return default_place() / f"{name}-{os.getuid()}"


def _cache_home() -> Path | None:
    given = os.environ.get("XDG_CACHE_HOME")
    if given and os.path.isabs(given):
        return Path(given)
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # HOME is not set, and the user's number has no account
        return None


def _can_be_written(folder: Path) -> bool:
    """Make the folder; whether it is there then, and may be written to."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def _is_private(folder: Path) -> bool:
    """Make the folder, for this user alone; whether it is this user's, and no link to elsewhere."""
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    try:
        return not folder.is_symlink() and folder.is_dir() and folder.stat().st_uid == os.getuid()
    except OSError:
        return False


@lru_cache(maxsize=8)
def _say_once(sentence: str) -> None:
    log.warning("%s", sentence)
