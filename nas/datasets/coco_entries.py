"""The entries of a COCO-format annotation file, each on its own: what is wrong with its structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nas.datasets.quoting import shown_value
from search_spaces.settings import fits

LARGEST_ID = 2**63 - 1
LONGEST_SIDE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: its kind (counted) and a clause that names the entry."""

    kind: str
    clause: str


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image of the file.

    Attributes:
        id: as in the file.
        file_name: its path below the image folder.
        width, height: in pixels, as read.
        upright: whether the picture is turned as its EXIF orientation says; otherwise it is read as stored.
    """

    id: int
    file_name: str
    width: int
    height: int
    upright: bool = True


Row = Mapping[str, Any]


def valid_rows(name: str, rows: list[Any], faults: list[Fault]) -> list[dict[str, Any]]:
    """The rows without a fault of structure and with an id of their own; faults are appended.

    Args:
        name: of the list: ``images``, ``annotations`` or ``categories``.
    """
    find, seen = _FINDERS[name], set[int]()
    valid = []
    if not rows:
        faults.append(Fault(f"empty {name}", f"the list {name!r} is empty"))
    for position, row in enumerate(rows):
        where = f"{name}[{position}]"
        if not isinstance(row, dict):
            faults.append(Fault("wrong structure", f"{where} is {shown_value(row)}, not an object"))
            continue
        problem = next(find(row), None)
        if problem is not None:
            faults.append(Fault("wrong structure", f"{where} {problem}"))
        elif row["id"] in seen:
            faults.append(Fault("duplicate id", f"{where} has id {row['id']}, which an earlier entry has"))
        else:
            seen.add(row["id"])
            valid.append(row)
    return valid


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
