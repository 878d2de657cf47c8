"""Which picture files are meant by a file, a folder or a pattern, and what each is called beside the others."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nas.datasets.quoting import shown_name
from nas.words import plural
from search_spaces.errors import DataError

ENDINGS = frozenset(
    (
        *(".avif", ".bmp", ".dib", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm"),
        *(".ppm", ".tga", ".tif", ".tiff", ".webp"),
    )
)
"""Of picture files in a folder, in either case; a file that is named itself may have any."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture file.

    Attributes:
        path: where it lies.
        name: its path below what all files have in common, with ``/`` between folders; no two files share a name.
    """

    path: Path
    name: str


def find_pictures(images: str, leave_out: Path | None = None) -> tuple[list[PictureFile], int]:
    """The picture files in order of their names, and how many other files were left out.

    Args:
        images: a file; a folder, which is searched with all folders in it; or a pattern with ``*``, ``?``, ``[...]``
            and ``**`` for any folders.
        leave_out: a folder that is not searched.

    Raises:
        DataError: there is no such file or folder, or no picture in it.
    """
    path = Path(images).expanduser()
    if os.path.isdir(path):
        root, files = path, list(_walk(path, leave_out))
    elif os.path.isfile(path):
        return [PictureFile(path, path.name)], 0
    elif glob.has_magic(images):
        root = _root_of(path)
        files = [Path(one) for one in glob.iglob(str(path), recursive=True) if os.path.isfile(one)]
        files = [one for one in files if not _lies_in(one, leave_out)]
    else:
        raise DataError(f"images {shown_name(images)}: there is no such file or folder.")
    pictures = [one for one in files if one.suffix.lower() in ENDINGS]
    if not pictures:
        others = f"; of {plural(len(files), 'file')} none ends as pictures do (.jpg, .png, .tif, ...)" if files else ""
        raise DataError(f"images {shown_name(images)}: there is no picture{others}.")
    named = {_name(one, root): one for one in pictures}
    return [PictureFile(named[name], name) for name in sorted(named)], len(files) - len(pictures)


def _walk(folder: Path, leave_out: Path | None) -> Iterator[Path]:
    """All files below a folder; links to folders are not followed, since they may lead round in a circle."""
    skipped = None if leave_out is None else os.path.realpath(leave_out)
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if os.path.realpath(os.path.join(here, name)) != skipped]
        yield from (path for name in files if os.path.isfile(path := Path(here) / name))


def _name(path: Path, root: Path) -> str:
    """The path below a folder; of a file that a pattern with ``..`` found outside of it, the whole path."""
    below = Path(os.path.relpath(path, root))
    return below.as_posix() if below.parts[0] != ".." else Path(os.path.abspath(path)).as_posix().lstrip("/")


def _lies_in(path: Path, folder: Path | None) -> bool:
    return folder is not None and Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _root_of(pattern: Path) -> Path:
    """The folder above the first part of a pattern that has a wildcard."""
    parts = pattern.parts
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])
