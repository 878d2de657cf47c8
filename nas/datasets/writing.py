"""A data set written as COCO JSON, ``annotations/instances_SPLIT.json``; its pictures stay or are brought along."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.dropped import NAME
from nas.datasets.quoting import shown_name
from nas.datasets.usable import Usable
from nas.disk import publishing
from nas.words import Countdown
from search_spaces.errors import FileError
from search_spaces.settings import one_of

log = logging.getLogger(__name__)

REFER, LINK, COPY = "refer", "link", "copy"
PICTURES = (REFER, LINK, COPY)
_KEPT = ("iscrowd", "segmentation")


def write_coco(out: Path, splits: Mapping[str, Usable], pictures: str = REFER) -> None:
    """Write a folder that ``data=folder`` reads, in one step.

    Args:
        out: the folder; it must not be there yet, or be empty.
        splits: by name; the categories of each are its own.
        pictures: ``"refer"`` to them where they lie, by paths relative to ``out``; ``"link"`` or ``"copy"`` them into
            ``images/SPLIT/``.

    Raises:
        ConfigError: another value of ``pictures``.
        FileError: ``out`` is there already, or cannot be written; nothing is left behind.
    """
    one_of("pictures", pictures, PICTURES)
    check_new(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir():
            out.rmdir()
        with publishing(out) as partial:
            (partial / "annotations").mkdir()
            for split, part in splits.items():
                names = _names(part, out) if pictures == REFER else _bring(part, partial / "images" / split, pictures)
                text = json.dumps(_to_dict(part, names))
                (partial / "annotations" / f"instances_{split}.json").write_text(text, encoding="ascii")
                if part.dropped is not None:
                    (partial / f"{split}_{NAME}").write_text(part.dropped.csv(), encoding="utf-8")
    except OSError as error:
        raise FileError(f"{shown_name(out)} cannot be written: {error.strerror or error}.") from None


def check_new(out: Path) -> None:
    """Check that nothing would be overwritten.

    Raises:
        FileError: something is there.
    """
    if os.path.lexists(out) and not (out.is_dir() and not any(out.iterdir())):
        raise FileError(f"{shown_name(out)} is there already, and nothing is overwritten; give another out=.")


def _to_dict(part: Usable, names: Sequence[str]) -> dict[str, Any]:
    images = [
        {"id": image.id, "file_name": name, "width": image.width, "height": image.height}
        for image, name in zip(part.images, names)
    ]
    categories = [{"id": row["id"], "name": row["name"]} for row in part.categories]
    return {"images": images, "annotations": [_row(row) for row in part.rows], "categories": categories}


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    """An annotation with what COCO's tools ask for."""
    area = row.get("area", row["bbox"][2] * row["bbox"][3])
    plain = {key: row[key] for key in ("id", "image_id", "category_id", "bbox")} | {"area": area, "iscrowd": 0}
    return plain | {key: row[key] for key in _KEPT if row.get(key)}


def _names(part: Usable, out: Path) -> list[str]:
    """Paths of the pictures where they lie, relative to the folder that is written."""
    start = os.path.realpath(out)
    folder = os.path.realpath(part.files.folder)
    return [os.path.relpath(os.path.join(folder, image.file_name), start) for image in part.images]


def _bring(part: Usable, folder: Path, pictures: str) -> list[str]:
    """Link or copy the pictures into a folder; their names there."""
    verb = "linking" if pictures == LINK else "copying"
    countdown = Countdown(log, f"{verb} pictures of {part.files.folder}", len(part.images))
    names = _new_names(part.images)
    for count, (image, name) in enumerate(zip(part.images, names), start=1):
        source, target = Path(os.path.realpath(part.files.folder / image.file_name)), folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if pictures == LINK:
            target.symlink_to(source)
        else:
            shutil.copy2(source, target)
        countdown.done(count)
    return names


def _new_names(images: Sequence[ImageEntry]) -> list[str]:
    """File names below a new folder: as they were where that is below theirs, else the last part, each once."""
    used: set[str] = set()
    names = []
    for image in images:
        name = os.path.normpath(image.file_name)
        if os.path.isabs(name) or name.startswith(".."):
            name = os.path.basename(name)
        stem, ending = os.path.splitext(name)
        number = 1
        while name.casefold() in used:
            number += 1
            name = f"{stem}-{number}{ending}"
        used.add(name.casefold())
        names.append(name)
    return names
