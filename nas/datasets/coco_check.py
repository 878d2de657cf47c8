"""What can be wrong with a COCO-format annotation file, said before any training.

Errors, since training on them would measure something else than the user meant: a file or entry that is missing or of
the wrong structure, an image file that is missing, broken or of another size than its entry says, an id or file name
used twice, an annotation of an unknown image or category, a box wholly outside its image, no usable box at all.

Cleaned, with a warning and a count: boxes that reach over the edge (clipped), boxes of zero area (dropped; COCO 2017
has some), crowd regions (not trained on, ignored in evaluation), segmentations that cannot be read (the object keeps
its box and has no mask), images without a box (kept as background).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.datasets.segmentation import Shape, read_segmentation
from search_spaces.errors import DataError
from search_spaces.settings import fits

LISTED_FAULTS = 5
EDGE_TOLERANCE = 1.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong: its kind (counted) and a clause that names the entry."""

    kind: str
    clause: str


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """One clean object: x1 y1 x2 y2 in pixels of the original image, label 1..K, area in square pixels, its outline."""

    image_id: int
    label: int
    corners: tuple[float, float, float, float]
    area: float
    crowd: bool
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image of the file; sizes in pixels."""

    id: int
    file_name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """The usable content of an annotation file, and what was cleaned: sentence part -> how many."""

    images: tuple[ImageEntry, ...]
    boxes: tuple[Box, ...]
    class_names: tuple[str, ...]
    cleaned: Mapping[str, int]


def parse_json(path: Path, content: bytes) -> dict[str, Any]:
    """The file's top-level object.

    Raises:
        DataError: not JSON, or not an object with the lists ``images``, ``annotations`` and ``categories``.
    """
    try:
        raw = json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(f"annotation file {path} is not JSON (line {error.lineno}: {error.msg}).") from None
    except UnicodeDecodeError:
        raise DataError(f"annotation file {path} is not JSON (it is not a text file).") from None
    for key in ("images", "annotations", "categories"):
        if not isinstance(raw, dict) or not isinstance(raw.get(key), list):
            raise DataError(
                f"annotation file {path} has the wrong structure: it must be an object with the lists 'images', "
                f"'annotations' and 'categories', and {key!r} is missing or is not a list."
            )
    return raw


def check(path: Path, image_folder: Path, raw: Mapping[str, Any]) -> CheckedFile:
    """Check every entry, and clean what can be cleaned.

    Raises:
        DataError: one sentence with the number of problems of each kind, the first of them, and how many more.
    """
    faults: list[Fault] = []
    categories = _valid("categories", _category_faults, raw["categories"], faults)
    image_rows = _valid("images", _image_faults, raw["images"], faults)
    annotations = _valid("annotations", _annotation_faults, raw["annotations"], faults)
    images = {row["id"]: ImageEntry(row["id"], row["file_name"], row["width"], row["height"]) for row in image_rows}
    faults.extend(_duplicate_file_names(images.values()))
    faults.extend(_missing_files(image_folder, images.values()))
    labels = {category: label for label, category in enumerate(sorted(row["id"] for row in categories), start=1)}
    faults.extend(_reference_faults(annotations, images, labels))
    cleaned: Counter[str] = Counter()
    boxes = () if faults else tuple(_clean_boxes(annotations, images, labels, cleaned))
    if not faults and all(box.crowd for box in boxes):
        faults.append(Fault("no usable box", f"{len(annotations)} annotations give no box to train on"))
    raise_faults(path, faults)
    cleaned["images without a box were kept as background"] = len(images.keys() - {box.image_id for box in boxes})
    names = {row["id"]: row["name"] for row in categories}
    return CheckedFile(tuple(images.values()), boxes, tuple(names[key] for key in sorted(names)), +cleaned)


def raise_faults(path: Path, faults: list[Fault]) -> None:
    """Raise a DataError with all faults, counted by kind and the first few listed; do nothing when there are none."""
    if not faults:
        return
    counts = ", ".join(f"{count} x {kind}" for kind, count in Counter(fault.kind for fault in faults).items())
    listed = "; ".join(fault.clause for fault in faults[:LISTED_FAULTS])
    more = f"; and {len(faults) - LISTED_FAULTS} more" if len(faults) > LISTED_FAULTS else ""
    problems = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
    raise DataError(f"data set {path} has {problems} ({counts}): {listed}{more}.")


def _valid(name: str, find: Any, rows: list[Any], faults: list[Fault]) -> list[dict[str, Any]]:
    """The rows without a fault of structure and with an id of their own; faults are appended."""
    seen: set[int] = set()
    valid = []
    if not rows:
        faults.append(Fault(f"empty {name}", f"the list {name!r} is empty"))
    for position, row in enumerate(rows):
        where = f"{name}[{position}]"
        if not isinstance(row, dict):
            faults.append(Fault("wrong structure", f"{where} is {row!r:.40}, not an object"))
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


def _category_faults(row: Mapping[str, Any]) -> Iterator[str]:
    yield from _integer_faults(row, "id")
    if not isinstance(row.get("name"), str):
        yield f"has name {row.get('name')!r}; it must be a text"


def _image_faults(row: Mapping[str, Any]) -> Iterator[str]:
    yield from _integer_faults(row, "id", "width", "height")
    if row["width"] < 1 or row["height"] < 1:
        yield f"has size {row['width']} x {row['height']}; both must be positive"
    if not isinstance(row.get("file_name"), str) or not row["file_name"]:
        yield f"has file_name {row.get('file_name')!r}; it must be the image's path below its folder"


def _annotation_faults(row: Mapping[str, Any]) -> Iterator[str]:
    yield from _integer_faults(row, "id", "image_id", "category_id")
    bbox = row.get("bbox")
    if not isinstance(bbox, list) or len(bbox) != 4 or not all(fits(value, float) for value in bbox):
        yield f"has bbox {bbox!r:.60}; it must be four finite numbers [x, y, width, height]"
    elif bbox[2] < 0 or bbox[3] < 0:
        yield f"has bbox {bbox}; width and height must not be negative"
    if row.get("iscrowd", 0) not in (0, 1):
        yield f"has iscrowd {row['iscrowd']!r}; it must be 0 or 1"
    if "area" in row and not fits(row["area"], float):
        yield f"has area {row['area']!r}; it must be a finite number"


def _integer_faults(row: Mapping[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        if type(row.get(key)) is not int:
            yield f"has {key} {row.get(key)!r}; it must be an integer" if key in row else f"has no {key}"


def _duplicate_file_names(images: Iterable[ImageEntry]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for image in images:
        other = first.setdefault(image.file_name, image.id)
        if other != image.id:
            yield Fault("duplicate file", f"images {other} and {image.id} both name the file {image.file_name}")


def _missing_files(folder: Path, images: Iterable[ImageEntry]) -> Iterator[Fault]:
    for image in images:
        if not (folder / image.file_name).is_file():
            yield Fault("missing image", f"image {image.id}: there is no file {folder / image.file_name}")


def _reference_faults(
    rows: list[dict[str, Any]], images: Mapping[int, ImageEntry], labels: Mapping[int, int]
) -> Iterator[Fault]:
    for row in rows:
        where = f"annotation {row['id']}"
        if row["category_id"] not in labels:
            yield Fault("unknown category", f"{where} has category_id {row['category_id']}, which is no category's id")
        image = images.get(row["image_id"])
        if image is None:
            yield Fault("unknown image", f"{where} has image_id {row['image_id']}, which is no valid image's id")
            continue
        x, y, width, height = row["bbox"]
        if x >= image.width or y >= image.height or x + width < 0 or y + height < 0:
            size = f"{image.width} x {image.height}"
            yield Fault("box outside", f"{where} has bbox {row['bbox']} outside its {size} image {image.file_name}")


def _clean_boxes(
    rows: list[dict[str, Any]], images: Mapping[int, ImageEntry], labels: Mapping[int, int], cleaned: Counter[str]
) -> Iterator[Box]:
    for row in rows:
        image = images[row["image_id"]]
        x, y, width, height = row["bbox"]
        x1, y1, x2, y2 = max(x, 0), max(y, 0), min(x + width, image.width), min(y + height, image.height)
        if x2 <= x1 or y2 <= y1:
            cleaned["boxes of zero area were dropped"] += 1
            continue
        if max(x1 - x, y1 - y, x + width - x2, y + height - y2) > EDGE_TOLERANCE:
            cleaned["boxes that reach over the edge of their image were clipped"] += 1
        crowd = bool(row.get("iscrowd", 0))
        cleaned["crowd regions are not trained on and are ignored in evaluation"] += crowd
        area = float(row.get("area", (x2 - x1) * (y2 - y1)))
        shape = _clean_segmentation(row.get("segmentation"), image, cleaned)
        yield Box(image.id, labels[row["category_id"]], (x1, y1, x2, y2), area, crowd, shape)


def _clean_segmentation(value: Any, image: ImageEntry, cleaned: Counter[str]) -> Shape | None:
    try:
        shape = read_segmentation(value, (image.height, image.width))
    except ValueError as error:
        cleaned[f"segmentations were left out: {error}"] += 1
        return None
    if isinstance(value, list) and len(value) > len(shape or ()):
        cleaned["segmentations lost a polygon of fewer than three points"] += 1
    return shape
