"""Pascal VOC's XML, a file for each picture.

- VOC's devkit, CVAT, Datumaro: ``Annotations/*.xml``, ``JPEGImages/``, and the splits as lists of names in
  ``ImageSets/Main/{train,val,trainval,test}.txt``; one list of another name (CVAT's ``default.txt``) is train;
- Roboflow: ``train/`` and ``valid/``, each with the XML files beside the pictures;
- labelImg: XML files beside the pictures, or ``annotations/`` and ``images/``, all of it train.

The picture of an XML file has its name; where there is none, it is the one that ``filename`` names, whatever folder,
case or ending stand there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from nas.datasets.layout import TEST, TRAIN, VAL, Layout, Part, ordered, split_of
from nas.datasets.pictures import as_path, files_in, folders_in
from nas.datasets.quoting import shown_name
from nas.datasets.voc_files import VocFiles
from search_spaces.errors import DataError

LOOKED_FOR = "Pascal VOC (Annotations/*.xml, or *.xml beside the pictures, also in train/ and valid/)"
_PICTURES = ("JPEGImages", "images", "Images", "jpegimages")
_LISTS = {TRAIN: ("train", "trainval"), VAL: ("val",), TEST: ("test",)}


def find_voc(root: Path) -> list[Layout]:
    """The Pascal VOC data set in a folder; none where there is none."""
    found = _by_folders(root) or _devkit(root) or _flat(root)
    return [] if not found else [Layout("voc", "Pascal VOC", root, ordered(found))]


def _devkit(root: Path) -> dict[str, Part]:
    """``Annotations/`` with or without lists of the splits."""
    folder = next((path for name in ("Annotations", "annotations") if _has_xml(path := root / name)), None)
    if folder is None:
        return {}
    pictures = next((root / name for name in _PICTURES if (root / name).is_dir()), root)
    lists = _lists(root / "ImageSets" / "Main")
    names = {split: _ids(file) for split, file in lists.items()}
    if not names:
        return {TRAIN: Part(folder.name, partial(VocFiles, folder, root, pictures, (folder,)))}
    return {
        split: Part(
            os.path.relpath(lists[split], root), partial(VocFiles, lists[split], root, pictures, (folder,), ids)
        )
        for split, ids in names.items()
    }


def _by_folders(root: Path) -> dict[str, Part]:
    """A folder for each split, with XML files and pictures."""
    folders = {split: path for path in folders_in(root) if (split := split_of(path.name)) and _has_xml(path)}
    everything = tuple(folders.values())
    return {split: Part(path.name, partial(VocFiles, path, root, path, everything)) for split, path in folders.items()}


def _flat(root: Path) -> dict[str, Part]:
    return {TRAIN: Part(".", partial(VocFiles, root, root, root, (root,)))} if _has_xml(root) else {}


def _lists(folder: Path) -> Mapping[str, Path]:
    """The list of each split; a single one of another name is train."""
    found = {
        split: file
        for split, names in _LISTS.items()
        if (file := next((folder / f"{name}.txt" for name in names if (folder / f"{name}.txt").is_file()), None))
    }
    if not found and folder.is_dir() and len(others := sorted(folder.glob("*.txt"))) == 1:
        return {TRAIN: others[0]}
    return found


def _ids(file: Path) -> Sequence[str]:
    """The names of a list, without what VOC's lists of one class have after them."""
    try:
        text = file.read_bytes().decode("utf-8-sig", "replace")
    except OSError as error:
        raise DataError(f"list {shown_name(file)} cannot be read: {error.strerror}.") from None
    lines = (line.strip() for line in text.splitlines())
    return [as_path(line.split()[0] if line.endswith((" 1", " -1", " 0")) else line) for line in lines if line]


def _has_xml(folder: Path) -> bool:
    """Whether a folder has an XML file that begins as those of Pascal VOC do."""
    return any(b"<annotation" in _start(file) for file in files_in(folder, ".xml")[:16])


def _start(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(4096).replace(b"\0", b"").replace(b"<annotations", b"")  # CVAT's own format
    except OSError:
        return b""
