"""COCO JSON as tools export it, found in a folder.

- Roboflow: ``train/_annotations.coco.json`` beside the pictures of the split, likewise ``valid/`` and ``test/``;
- COCO 2017: ``annotations/instances_train2017.json``, pictures in ``train2017/`` (or ``images/train2017/``);
- CVAT and Datumaro: ``annotations/instances_default.json`` (or a subset's name), pictures in ``images/`` or
  ``images/SUBSET/``;
- Label Studio: ``result.json``, pictures in ``images/``; its file names begin with ``images``, with the separators of
  the system it ran on, and some versions put a project's number or a path of their own machine before the name;
- labelme2coco: ``dataset.json``, or ``train.json`` and ``val.json``; the pictures lie where labelme had them.

A picture that is not where its entry says is looked for by its name below the root, and taken where only one is meant.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nas.datasets.coco_source import CocoFiles, read_coco
from nas.datasets.layout import TRAIN, Layout, Part, ordered, split_of
from nas.datasets.pictures import PictureIndex, as_path, files_in, folders_in, is_there
from nas.datasets.quoting import shown_name
from nas.words import plural

LOOKED_FOR = "COCO JSON (*.json, annotations/*.json, train/*.json and valid/*.json with images and annotations)"
_PEEK = 2**16
_SAMPLE = 32


def find_coco(root: Path) -> list[Layout]:
    """The COCO data set in a folder; one for each file of a split that has several; none where there is none."""
    files = _split_folders(root) or _in_annotations(root) or _coco_files(root)
    by_split: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        split = split_of(file.stem) or split_of("" if file.parent == root else file.parent.name)
        by_split[split or TRAIN].append(file)
    if not by_split:
        return []
    if all(len(found) == 1 for found in by_split.values()):
        return [_layout(root, {split: found[0] for split, found in by_split.items()})]
    return [_layout(root, {split: file}) for split, found in by_split.items() for file in found]


def _layout(root: Path, files: Mapping[str, Path]) -> Layout:
    parts = {split: Part(os.path.relpath(file, root), partial(open_found, file, root)) for split, file in files.items()}
    return Layout("coco", "COCO JSON", root, ordered(parts))


def _split_folders(root: Path) -> list[Path]:
    """A file in each folder that is called as a split."""
    return [file for folder in folders_in(root) if split_of(folder.name) for file in _coco_files(folder)]


def _in_annotations(root: Path) -> list[Path]:
    """The files in ``annotations/``; those of captions and key points do not count where there are others."""
    found = _coco_files(root / "annotations")
    return [file for file in found if file.name.startswith("instances")] or found


def _coco_files(folder: Path) -> list[Path]:
    return [path for path in files_in(folder, ".json") if _looks_like_coco(path)]


def _looks_like_coco(path: Path) -> bool:
    """Whether the beginning of a file is an object with COCO's lists; labelme's of one picture have ``shapes``."""
    try:
        with path.open("rb") as file:
            start = file.read(_PEEK).replace(b"\0", b"")  # UTF-16 too
    except OSError:
        return False
    keys = set(re.findall(rb'"(images|annotations|categories|shapes)"\s*:\s*\[', start))
    whole = {b"images", b"annotations"} if len(start) < _PEEK else {b"images", b"annotations", b"categories"}
    return re.match(rb"[^\[{]{0,3}\s*{", start) is not None and bool(keys & whole) and b"shapes" not in keys


def open_found(file: Path, root: Path) -> CocoFiles:
    """An annotation file below a root, with its pictures found.

    Raises:
        DataError: it cannot be read, or is no annotation file.
    """
    content, raw = read_coco(file)
    folder = _picture_folder(file, root, raw["images"])
    rows, moved = _with_found_names(raw["images"], folder, PictureIndex(root))
    first = shown_name(moved[0]) if moved else ""
    remark = f"the file names another place for {plural(len(moved), 'picture')}, found by name ({first} first)"
    return CocoFiles(file, folder, content, {**raw, "images": rows}, (remark,) if moved else ())


def _picture_folder(file: Path, root: Path, rows: list[Any]) -> Path:
    """The folder, of those that exporters use, in which most of a sample of the pictures are."""
    names = [row["file_name"] for row in rows if isinstance(row, dict) and isinstance(row.get("file_name"), str)]
    sample = names[:: max(1, len(names) // _SAMPLE)][:_SAMPLE]
    folders = list(dict.fromkeys(_picture_folders(file, root)))
    return max(folders, key=lambda folder: sum(is_there(folder / name) for name in sample))


def _picture_folders(file: Path, root: Path) -> Iterator[Path]:
    subset, split = file.stem.removeprefix("instances_"), split_of(file.stem)
    for folder in (file.parent, root / "images", root):
        yield from (folder, folder / subset)
        if split:
            yield folder / split
    yield from (file.parent / "images", root / "JPEGImages")


def _with_found_names(rows: list[Any], folder: Path, index: PictureIndex) -> tuple[list[Any], list[str]]:
    """The rows with the names of pictures as they are found, and the names that had to be found."""
    found, moved = [], []
    for row in rows:
        name = row.get("file_name") if isinstance(row, dict) else None
        if isinstance(name, str) and name and not is_there(folder / name):
            here = folder / as_path(name)
            other = as_path(name) if is_there(here) else _below(index, name, folder)
            if other is not None:
                moved.append(name)
                row = {**row, "file_name": other}
        found.append(row)
    return found, moved


def _below(index: PictureIndex, name: str, folder: Path) -> str | None:
    path = index.find(name)
    return None if path is None else os.path.relpath(index.folder / path, folder)
