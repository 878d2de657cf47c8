"""YOLO's text files: a line for each object, class index and box as shares of the picture, or a polygon.

- Ultralytics, Roboflow, CVAT ("Ultralytics YOLO"): ``data.yaml`` with ``train``, ``val``, ``names`` (a list, or a
  mapping of indices) and maybe ``path``. A split is a folder of pictures, a text file that lists them, or several;
- Label Studio: ``classes.txt``, ``images/`` and ``labels/``, without splits;
- Darknet, CVAT ("YOLO 1.1"): ``obj.data`` that names ``obj.names`` and the lists of pictures.

The labels of ``images/train/a.jpg`` are in ``labels/train/a.txt``: the last folder ``images`` of a path is exchanged;
where there is none, they lie beside the picture. A picture without that file, or with an empty one, has no object.
Paths that are not there, as those of another machine, are looked for by their ends below the root.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from nas.datasets.layout import TEST, TRAIN, VAL, Layout, Part, ordered
from nas.datasets.pictures import as_path, ends_of, files_in
from nas.datasets.quoting import shown_name, shown_value
from nas.datasets.yolo_labels import YoloFiles
from search_spaces.errors import DataError

LOOKED_FOR = "YOLO (*.yaml with train and names, classes.txt beside images/ and labels/, or obj.data)"
_KEYS = {TRAIN: ("train",), VAL: ("val", "valid"), TEST: ("test",)}


@dataclass(frozen=True, slots=True)
class _Description:
    """What a file says of a data set: the places of each split as they are written, where these begin, the classes.

    ``extra`` is how many numbers follow each box, those of key points.
    """

    file: Path
    places: Mapping[str, tuple[str, ...]]
    bases: tuple[Path, ...]
    names: tuple[str, ...]
    extra: int = 0


def find_yolo(root: Path) -> list[Layout]:
    """The YOLO data sets that a folder describes; usually one or none.

    Raises:
        DataError: a description has no names of classes, or names that make no sense.
    """
    described = [_from_yaml(file, raw) for file in files_in(root, ".yaml", ".yml") if (raw := _yolo_yaml(file))]
    if not described:
        described = [_from_darknet(file) for file in files_in(root, ".data")]
    if not described and (root / "classes.txt").is_file() and (root / "images").is_dir():
        names = tuple(_lines(root / "classes.txt"))
        described = [_Description(root / "classes.txt", {TRAIN: ("images",)}, (root,), names)]
    return [_layout(root, one) for one in described]


def _layout(root: Path, described: _Description) -> Layout:
    parts = {
        split: Part(_where(root, described, places), partial(_open, root, described, split))
        for split, places in described.places.items()
    }
    return Layout("yolo", f"YOLO ({shown_name(described.file.name)})", root, ordered(parts))


def _where(root: Path, described: _Description, places: tuple[str, ...]) -> str:
    found = [_locate(root, described, place) for place in places]
    shown = [place if path is None else os.path.relpath(path, root) for place, path in zip(places, found)]
    return " and ".join(shown)


def _open(root: Path, described: _Description, split: str) -> YoloFiles:
    places = tuple(_required(root, described, split, place) for place in described.places[split])
    trained_on = {_locate(root, described, place) for place in described.places.get(TRAIN, ())}
    same = next((place for place in places if place in trained_on), None)
    if same is not None and split != TRAIN:
        raise DataError(
            f"data set {shown_name(described.file)}: the pictures of {split} are those of train "
            f"({shown_name(same)}), so they measure nothing; python -m nas.data split makes train and val of them."
        )
    return YoloFiles(described.file, root, places, described.names, described.extra)


def _required(root: Path, described: _Description, split: str, place: str) -> Path:
    path = _locate(root, described, place)
    if path is None:
        raise DataError(
            f"data set {shown_name(described.file)}: {split} is {shown_value(place)}, and there is no such folder or "
            f"list below {shown_name(root)}; set it to the folder of the pictures, relative to the file."
        )
    return path


def _locate(root: Path, described: _Description, place: str) -> Path | None:
    """The folder or list that a place means, which may be written for another machine; None where it is not there."""
    name = as_path(os.path.expanduser(place))
    for base in described.bases:
        if os.path.exists(base / name):
            return Path(os.path.normpath(base / name))
    return next((root / end for end in ends_of(name) if os.path.exists(root / end)), None)


def _yolo_yaml(file: Path) -> Mapping[str, Any] | None:
    """A YAML file's content, if it describes a data set; as texts, since YAML takes a class ``no`` for false."""
    try:
        raw = yaml.load(file.read_bytes().decode("utf-8-sig"), Loader=yaml.BaseLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    known = isinstance(raw, dict) and ("names" in raw or "nc" in raw) and any(key in raw for key in ("train", "val"))
    return raw if known else None


def _from_yaml(file: Path, raw: Mapping[str, Any]) -> _Description:
    written = {
        split: next((_places(file, key, raw[key]) for key in keys if raw.get(key)), ()) for split, keys in _KEYS.items()
    }
    places = {split: found for split, found in written.items() if found}
    own = as_path(os.path.expanduser(str(raw.get("path") or ".")))
    shape = raw.get("kpt_shape")
    numbers = [int(one) for one in shape if str(one).isdigit()] if isinstance(shape, list) else []
    extra = math.prod(numbers) if numbers else 0
    return _Description(file, places, (file.parent / own, file.parent), _names(file, raw), extra)


def _places(file: Path, key: str, value: Any) -> tuple[str, ...]:
    places = value if isinstance(value, list) else [value]
    if not all(isinstance(place, str) for place in places):
        raise DataError(
            f"data set {shown_name(file)}: {key} is {shown_value(value)}; it must be a path or a list of paths."
        )
    return tuple(place for place in places if place)


def _names(file: Path, raw: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the classes; numbers where there is but a count of them."""
    names, count = raw.get("names"), str(raw.get("nc", ""))
    if not names and count.isdigit():
        return tuple(f"class {index}" for index in range(int(count)))
    if isinstance(names, dict) and all(str(key).isdigit() for key in names):
        by_index = {int(key): name for key, name in names.items()}
        names = [by_index.get(index, f"class {index}") for index in range(max(by_index, default=-1) + 1)]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"data set {shown_name(file)}: names is {shown_value(raw.get('names'))}; "
            f"it must be a list of the classes' names, or a mapping of their indices from 0."
        )
    if count.isdigit() and int(count) != len(names):
        raise DataError(
            f"data set {shown_name(file)}: nc is {count}, and names has {len(names)} names; they must agree."
        )
    return tuple(names)


def _from_darknet(file: Path) -> _Description:
    pairs = (line.partition("=") for line in _lines(file))
    raw = {key.strip(): value.strip() for key, _, value in pairs}
    base = file.parent
    names = next((base / end for end in ends_of(raw.get("names", "")) if (base / end).is_file()), None)
    if names is None:
        raise DataError(
            f"data set {shown_name(file)}: names is {shown_value(raw.get('names'))}; there is no such file."
        )
    places = {split: (raw[key],) for split, keys in _KEYS.items() for key in keys if raw.get(key)}
    return _Description(file, places, (base,), tuple(_lines(names)))


def _lines(file: Path) -> Iterator[str]:
    """The lines of a text file that are not empty.

    Raises:
        DataError: it cannot be read.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise DataError(f"file {shown_name(file)} cannot be read: {error.strerror}.") from None
    yield from (line.strip() for line in text.splitlines() if line.strip())
