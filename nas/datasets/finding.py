"""Which format a folder of annotated pictures has."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from nas.datasets import coco_layout, voc, yolo
from nas.datasets.layout import Layout
from nas.datasets.pictures import folders_in
from nas.datasets.quoting import shown_name
from search_spaces.errors import DataError

FINDERS: Mapping[str, tuple[Callable[[Path], list[Layout]], str]] = {
    "coco": (coco_layout.find_coco, coco_layout.LOOKED_FOR),
    "yolo": (yolo.find_yolo, yolo.LOOKED_FOR),
    "voc": (voc.find_voc, voc.LOOKED_FOR),
}
"""Format -> what finds it in a folder, and what it looks for there."""
_DEEPEST = 2


def find_layout(root: str | Path, wanted: str | None = None) -> Layout:
    """The data set in a folder.

    Args:
        wanted: its format, for a folder that has several.

    Raises:
        DataError: there is no such folder, or nothing in it, or more than one thing.
    """
    folder = Path(os.path.expanduser(root))
    if not os.path.isdir(folder):
        raise DataError(
            f"data root {shown_name(folder)} is not a folder; set data.root to the folder that holds the data set."
        )
    formats = FINDERS if wanted is None else {wanted: FINDERS[wanted]}
    found = [layout for find, _ in formats.values() for layout in find(folder)]
    if len(found) == 1:
        return found[0]
    if not found:
        looked_for = "; ".join(what for _, what in formats.values())
        raise DataError(f"no data set was found in {shown_name(folder)}. Looked for: {looked_for}.{_hint(folder)}")
    listed = "; ".join(layout.sentence() for layout in found)
    several = len({layout.format for layout in found}) > 1
    choice = "choose with data.format=" + " or ".join(dict.fromkeys(layout.format for layout in found))
    mend = choice if several else "move all but one away, or name the files: data=coco data.train_annotations=..."
    raise DataError(f"{shown_name(folder)} holds more than one data set: {listed}. Please {mend}.")


def other_layout(root: str | Path) -> str:
    """A sentence that says how to read what lies in a folder, with a space before it; empty where nothing does."""
    try:
        layout = find_layout(root)
    except DataError:
        return ""
    return f" There is another layout, {layout.sentence()}: data=folder data.root={shown_name(root)} reads it."


def _hint(folder: Path) -> str:
    """A sentence about a folder further down that holds a data set; empty where there is none."""
    level = [folder]
    for _ in range(_DEEPEST):
        level = [inner for one in level for inner in folders_in(one)]
        for inner in level[:64]:
            if any(_finds(find, inner) for find, _ in FINDERS.values()):
                return f" There is one in {shown_name(inner)}: give data.root={shown_name(inner)}."
    return ""


def _finds(find: Callable[[Path], list[Layout]], folder: Path) -> bool:
    try:
        return bool(find(folder))
    except DataError:
        return True
