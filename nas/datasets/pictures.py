"""The picture files below a folder: listed, and found again under a name that is not quite theirs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from nas.datasets.coco_files import file_status

ENDINGS = frozenset(
    (
        *(".avif", ".bmp", ".gif", ".heic", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo"),
        *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp"),
    )
)
"""Of file names, in lower case."""


def is_picture(name: str) -> bool:
    """Whether a file's name ends as a picture's does, in upper or lower case."""
    return os.path.splitext(name)[1].lower() in ENDINGS


def files_below(folder: Path) -> Iterator[str]:
    """The paths of all files below a folder, relative to it, in order; hidden ones are left out."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inner = os.path.relpath(parent, folder)
        for name in sorted(names):
            if not name.startswith("."):
                yield name if inner == "." else os.path.join(inner, name)


def pictures_below(folder: Path) -> list[str]:
    """The same of pictures alone."""
    return [name for name in files_below(folder) if is_picture(name)]


def files_in(folder: Path, *endings: str) -> list[Path]:
    """The files in a folder itself with such endings, in any case, in order; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if one.name.lower().endswith(endings) and one.is_file()]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder itself, in order; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            names = [one.name for one in entries if one.is_dir()]
    except OSError:
        return []
    return [folder / name for name in sorted(names) if not name.startswith(".")]


def as_path(name: str) -> str:
    """A file name of any system with slashes, ``C:\\\\data\\\\a.jpg`` as ``C:/data/a.jpg``."""
    return name.replace("\\", "/")


def ends_of(name: str) -> Iterator[str]:
    """A path without its first part, without its first two, ... down to its last: where something moved may lie now."""
    parts = [part for part in as_path(name).split("/") if part not in ("", ".", "..")]
    for first in range(len(parts)):
        yield "/".join(parts[first:])


class PictureIndex:
    """Finds a picture below a folder by its name alone, where exactly one has it; listed when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, name: str) -> str | None:
        """The path, relative to the folder, of the one picture that a name can mean; None for none or several.

        The first of these that is there counts: the name as it is; the end of its path; a picture with its last part,
        then with that in upper or lower case, then with another ending.
        """
        for path in ends_of(name):
            if path in self._paths:
                return path
        last = as_path(name).rsplit("/", 1)[-1]
        stem = os.path.splitext(last)[0] if is_picture(last) else last
        return self._only(self._by_name, last, last.casefold()) or self._only(self._by_stem, stem, stem.casefold())

    def find_stem(self, path: str) -> str | None:
        """The same for a path without an ending; a picture in a folder of the same name goes first."""
        stems = (*ends_of(path), os.path.basename(path).casefold())
        return self._only(self._by_stem, *stems)

    @staticmethod
    def _only(known: Mapping[str, list[str]], *keys: str) -> str | None:
        """What the first key that is known stands for, if that is one picture."""
        found = next((known[key] for key in keys if key in known), [])
        return found[0] if len(found) == 1 else None

    @cached_property
    def paths(self) -> list[str]:
        """All pictures below the folder."""
        return pictures_below(self.folder)

    @cached_property
    def _paths(self) -> frozenset[str]:
        return frozenset(self.paths)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            last = os.path.basename(path)
            for key in {last, last.casefold()}:
                found[key].append(path)
        return dict(found)

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found: defaultdict[str, list[str]] = defaultdict(list)
        for path in self.paths:
            stem = os.path.splitext(path)[0]
            last = os.path.basename(stem)
            for key in {stem, last, last.casefold()}:
                found[key].append(path)
        return dict(found)


def is_there(path: Path) -> bool:
    """Whether a file is there; no for what cannot be a name."""
    return file_status(path) is not None
