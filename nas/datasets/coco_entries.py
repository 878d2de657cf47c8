"""The entries of a COCO-format annotation file, each on its own: what is wrong with its structure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nas.datasets.quoting import shown_name, shown_value
from search_spaces.settings import fits

LARGEST_ID = 2**63 - 1
LISTED_FAULTS = 5
LONGEST_SIDE = 2**31 - 1
PLACE = "place in the data set"
"""Key of a row that was made from another format: what the entry is called there, ``labels/a.txt, line 3``."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: its kind (counted) and a clause that names the entry.

    ``table`` and ``position`` say which row it is about: of ``images``, ``annotations`` or ``categories``; an empty
    ``table`` is about the file as a whole.
    """

    kind: str
    clause: str
    table: str = ""
    position: int = -1


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image of the file.

    Attributes:
        id: as in the file.
        file_name: its path below the image folder.
        width, height: in pixels, as read.
        upright: whether the picture is turned as its EXIF orientation says; otherwise it is read as stored.
        position: in the list of images.
    """

    id: int
    file_name: str
    width: int
    height: int
    upright: bool = True
    position: int = -1


Row = Mapping[str, Any]


def valid_rows(
    name: str, rows: list[Any], faults: list[Fault], gone: Collection[int] = ()
) -> dict[int, dict[str, Any]]:
    """Position -> row, for those without a fault of structure and with an id of their own; faults are appended.

    Args:
        name: of the list: ``images``, ``annotations`` or ``categories``.
        gone: positions that are passed over.
    """
    find, seen = _FINDERS[name], set[int]()
    valid = {}
    if len(rows) == len(gone):
        faults.append(Fault(f"empty {name}", f"the list {name!r} is empty{', all of it was dropped' * bool(rows)}"))
    for position, row in enumerate(rows):
        if position in gone:
            continue
        if not isinstance(row, dict):
            problem: str | None = f"is {shown_value(row)}, not an object"
        else:
            problem = next(find(row), None)
        if problem is not None:
            faults.append(Fault("wrong structure", f"{entry_name(name, position, row)} {problem}", name, position))
        elif row["id"] in seen:
            clause = f"{entry_name(name, position, row)} has id {row['id']}, which an earlier entry has"
            faults.append(Fault("duplicate id", clause, name, position))
        else:
            seen.add(row["id"])
            valid[position] = row
    return valid


def entry_name(name: str, position: int, row: Any) -> str:
    """What an entry is called in a sentence: its place in the format that it was read from, or in the COCO file."""
    if isinstance(row, dict) and isinstance(row.get(PLACE), str):
        return shown_name(row[PLACE])
    return f"{name}[{position}]"


def kinds_and_first(faults: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Of faults as (kind, clause): how many there are of each kind, and the first few, for a sentence."""
    known = tuple(faults)
    counts = ", ".join(f"{count} x {kind}" for kind, count in Counter(kind for kind, _ in known).items())
    listed = "; ".join(clause for _, clause in known[:LISTED_FAULTS])
    return counts, listed + (f"; and {len(known) - LISTED_FAULTS} more" if len(known) > LISTED_FAULTS else "")


def _category_faults(row: Row) -> Iterator[str]:
    yield from _integer_faults(row, "id")
    if not isinstance(row.get("name"), str):
        yield f"has name {shown_value(row.get('name'))}; it must be a text"


def _image_faults(row: Row) -> Iterator[str]:
    yield from _integer_faults(row, "id", "width", "height")
    if not (1 <= row["width"] <= LONGEST_SIDE and 1 <= row["height"] <= LONGEST_SIDE):
        size = f"{shown_value(row['width'])} x {shown_value(row['height'])}"
        yield f"has size {size}; both must be positive, and pixels of a picture"
    if not isinstance(row.get("file_name"), str) or not row["file_name"]:
        yield f"has file_name {shown_value(row.get('file_name'))}; it must be the image's path below its folder"


def _annotation_faults(row: Row) -> Iterator[str]:
    yield from _integer_faults(row, "id", "image_id", "category_id")
    bbox = row.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(fits(value, float) for value in bbox):
        yield f"has bbox {shown_value(bbox)}; it must be four finite numbers [x, y, width, height]"
    elif bbox[2] < 0 or bbox[3] < 0:
        yield f"has bbox {shown_value(bbox)}; width and height must not be negative"
    if row.get("iscrowd", 0) not in (0, 1):
        yield f"has iscrowd {shown_value(row['iscrowd'])}; it must be 0 or 1"
    if "area" in row and not fits(row["area"], float):
        yield f"has area {shown_value(row['area'])}; it must be a finite number"


def _integer_faults(row: Row, *keys: str) -> Iterator[str]:
    for key in keys:
        if key not in row:
            yield f"has no {key}"
        elif type(row[key]) is not int:
            yield f"has {key} {shown_value(row[key])}; it must be an integer"
        elif abs(row[key]) > LARGEST_ID:
            yield f"has {key} {shown_value(row[key])}; it must be an integer of 64 bits"


_FINDERS: dict[str, Callable[[Row], Iterator[str]]] = {
    "categories": _category_faults,
    "images": _image_faults,
    "annotations": _annotation_faults,
}
