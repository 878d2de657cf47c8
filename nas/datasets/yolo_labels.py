"""The pictures and label files of one split in YOLO's format, read as a COCO dictionary."""

from __future__ import annotations

import hashlib
import logging
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nas.datasets.annotated import AnnotatedFiles, Reading
from nas.datasets.coco_entries import PLACE, Fault, ImageEntry
from nas.datasets.coco_files import Header, read_headers
from nas.datasets.pictures import as_path, ends_of, is_there, pictures_below
from nas.datasets.quoting import shown_name, shown_value
from nas.datasets.stamps import stamp
from nas.words import plural
from search_spaces.errors import DataError

log = logging.getLogger(__name__)

TOLERANCE = 0.01
"""By how much a share may lie outside 0 to 1, as in Ultralytics' own check."""
_BOX = 5  # columns: class index, centre x, centre y, width, height
_FEWEST_OF_A_POLYGON = 7
_NO_LABELS = frozenset(("classes", "obj", "readme", "notes"))


@dataclass(frozen=True, slots=True)
class _Pair:
    """A picture and its label file, as paths relative to the root; no label file: no object."""

    picture: str
    labels: str | None


class YoloFiles(AnnotatedFiles):
    """The pictures of folders and lists, each with the text file of its objects."""

    def __init__(self, source: Path, root: Path, places: Sequence[Path], names: Sequence[str], extra: int = 0) -> None:
        """What the split is made of.

        Args:
            source: the file that describes the data set.
            places: folders of pictures, or text files with a picture's path a line.
            names: of the classes.
            extra: how many numbers follow each box and mean something else.
        """
        self.source, self.folder = source, root
        self._places, self._names, self._extra = tuple(places), tuple(names), extra

    def key(self, image_size: int) -> str:
        """See :class:`AnnotatedFiles`: names, sizes and times of change of pictures and label files."""
        paths = (path for pair in self._pairs for path in (pair.picture, pair.labels) if path is not None)
        return stamp(self.folder, f"yolo {image_size} {self._names} {self._extra} {self._strays}", paths)

    def read(self) -> Reading:
        """See :class:`AnnotatedFiles`. The pictures' headers are read, since boxes are shares of their sizes."""
        entries = [ImageEntry(number, pair.picture, 1, 1) for number, pair in enumerate(self._pairs, start=1)]
        headers = read_headers(self.folder, entries)
        reader = _Reader(self._names, self._extra)
        for entry, pair in zip(entries, self._pairs):
            text = "" if pair.labels is None else _text(self.folder / pair.labels)
            reader.add(entry.id, pair, headers.get(entry.id), text)
        for path in self._strays:
            reader.add_stray(path)
        without = sum(pair.labels is None for pair in self._pairs)
        if without == len(self._pairs):
            where = _expected(self._pairs[0].picture)
            raise DataError(
                f"data set {shown_name(self.source)}: none of {plural(without, 'picture')} has a label file; that of "
                f"{shown_name(self._pairs[0].picture)} would be {shown_name(where)}."
            )
        remark = f"{plural(without, 'picture')} without a label file count as pictures without objects"
        categories = [{"id": index, "name": name} for index, name in enumerate(self._names)]
        raw = {"images": reader.images, "annotations": reader.annotations, "categories": categories}
        content = f"yolo {self._names} {reader.digest.hexdigest()}".encode(errors="surrogatepass")
        return Reading(raw, content, tuple(reader.faults), headers, (remark,) if without else ())

    @cached_property
    def _pairs(self) -> tuple[_Pair, ...]:
        """In the order of the places, those of a folder by name.

        Raises:
            DataError: there is no picture.
        """
        pictures = list(dict.fromkeys(path for place in self._places for path in _pictures(place, self.folder)))
        if not pictures:
            places = " and ".join(map(shown_name, self._places))
            raise DataError(f"data set {shown_name(self.source)}: there is no picture in {places}.")
        folders = {
            folder: _folder(_expected(os.path.join(folder, "x"))) for folder in {_folder(one) for one in pictures}
        }
        found = {folder: _label_files(self.folder / folder) for folder in folders.values()}
        pairs = []
        for picture in pictures:
            folder, stem = folders[_folder(picture)], os.path.splitext(os.path.basename(picture))[0]
            name = found[folder].get(f"{stem}.txt", found[folder].get(f"{stem}.txt".casefold()))
            pairs.append(_Pair(picture, None if name is None else os.path.join(folder, name)))
        return tuple(pairs)

    @cached_property
    def _strays(self) -> tuple[str, ...]:
        """Label files without a picture, where whole folders are taken and labels have folders of their own."""
        if not all(place.is_dir() for place in self._places):
            return ()
        known = {pair.labels for pair in self._pairs}
        folders = {os.path.join(_folder(pair.picture), "x") for pair in self._pairs}
        folders = {_folder(_expected(one)) for one in folders if _is_exchanged(one)}
        files = {os.path.join(one, name) for one in folders for name in _label_files(self.folder / one).values()}
        return tuple(sorted(path for path in files - known if Path(path).stem.lower() not in _NO_LABELS))


class _Reader:
    """Collects rows in COCO's format, and what cannot be read."""

    def __init__(self, names: Sequence[str], extra: int) -> None:
        self._names, self._extra = names, extra
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.digest = hashlib.sha256()

    def add(self, image_id: int, pair: _Pair, header: Header | None, text: str) -> None:
        """A picture with the text of its label file; without a header it is broken or missing."""
        self.digest.update(f"{pair.picture}\n{text}\n".encode(errors="surrogatepass"))
        height, width = (1, 1) if header is None else header.shown_size
        self.images.append({"id": image_id, "file_name": pair.picture, "width": width, "height": height})
        for number, line in enumerate(text.splitlines(), start=1):
            columns = line.split()
            if columns:
                place = f"{pair.labels}, line {number}"
                row = {"id": len(self.annotations) + 1, "image_id": image_id, PLACE: place}
                try:
                    row |= self._object(columns, width, height)
                except ValueError as error:
                    kind, clause = error.args
                    clause = f"{shown_name(place)} {clause}"
                    self.faults.append(Fault(kind, clause, "annotations", len(self.annotations)))
                self.annotations.append(row)

    def add_stray(self, path: str) -> None:
        """A label file without a picture."""
        self.digest.update(f"{path}\n".encode(errors="surrogatepass"))
        clause = f"{shown_name(path)} is a label file, and there is no picture of its name"
        self.faults.append(Fault("missing image", clause, "images", len(self.images)))
        self.images.append({"file_name": path, PLACE: path})

    def _object(self, columns: list[str], width: int, height: int) -> dict[str, Any]:
        """Category, box and polygon of a line.

        Raises:
            ValueError: with the kind of a fault and a clause that follows its place.
        """
        expected = len(columns) == _BOX + self._extra
        polygon = not self._extra and len(columns) >= _FEWEST_OF_A_POLYGON and len(columns) % 2 == 1
        if not expected and not polygon:
            wanted = "5 for a box, or an odd number from 7 on for a polygon"
            raise ValueError(
                "wrong number of columns",
                f"has {len(columns)} columns; it must have {_BOX + self._extra if self._extra else wanted}",
            )
        category = self._class(columns[0])
        shares = _shares(columns[1 : None if polygon else _BOX])
        if polygon:
            points = [share * (height if at % 2 else width) for at, share in enumerate(shares)]
            left, right, top, bottom = min(points[::2]), max(points[::2]), min(points[1::2]), max(points[1::2])
            bbox = [left, top, right - left, bottom - top]
            return {"category_id": category, "bbox": bbox, "segmentation": [points]}
        x, y, wide, high = shares
        bbox = [(x - wide / 2) * width, (y - high / 2) * height, wide * width, high * height]
        return {"category_id": category, "bbox": bbox}

    def _class(self, text: str) -> int:
        number = _number(text)
        if number is None or not number.is_integer():
            raise ValueError("wrong structure", f"begins with {shown_value(text)}; it must be the index of a class")
        if not 0 <= number < len(self._names):
            last = len(self._names) - 1
            raise ValueError("unknown category", f"has class {int(number)}; there are those from 0 to {last}")
        return int(number)


def _shares(columns: Sequence[str]) -> list[float]:
    """Numbers from 0 to 1, a little tolerance at both ends."""
    shares = []
    for text in columns:
        number = _number(text)
        if number is None or not math.isfinite(number):
            raise ValueError("wrong structure", f"has {shown_value(text)}; it must be a finite number")
        if not -TOLERANCE <= number <= 1 + TOLERANCE:
            hint = "; shares of the picture's width and height are meant, no pixels" if number > 1 else ""
            raise ValueError("not from 0 to 1", f"has {shown_value(text)}, which is not from 0 to 1{hint}")
        shares.append(number)
    return shares


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise DataError(f"label file {shown_name(path)} cannot be read: {error.strerror}.") from None


def _pictures(place: Path, root: Path) -> Iterator[str]:
    """The pictures of a folder or a list, relative to the root."""
    if place.is_dir():
        start = os.path.relpath(place, root)
        yield from (os.path.normpath(os.path.join(start, name)) for name in pictures_below(place))
        return
    for line in _text(place).splitlines():
        if line.strip():
            yield _listed(as_path(line.strip()), place, root)


def _listed(name: str, place: Path, root: Path) -> str:
    """A picture of a list: relative to the list or the root, or found by the end of its path."""
    for base in (place.parent, root):
        if is_there(base / name):
            return os.path.relpath(base / name, root)
    return next((end for end in ends_of(name) if is_there(root / end)), os.path.normpath(name))


def _is_exchanged(picture: str) -> bool:
    return "images" in picture.split(os.sep)[:-1]


def _expected(picture: str) -> str:
    """The label file of a picture: the last folder ``images`` becomes ``labels``, the ending ``.txt``."""
    parts = f"{os.path.splitext(picture)[0]}.txt".split(os.sep)
    if _is_exchanged(picture):
        last = len(parts) - 2 - parts[-2::-1].index("images")
        parts[last] = "labels"
    return os.sep.join(parts)


def _folder(path: str) -> str:
    return os.path.dirname(path)


def _label_files(folder: Path) -> dict[str, str]:
    """Text files of a folder by their names, and by these in lower case."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return {}
    texts = [name for name in names if name.lower().endswith(".txt")]
    return {name.casefold(): name for name in texts} | {name: name for name in texts}
