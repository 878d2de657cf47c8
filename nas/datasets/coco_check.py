"""What can be wrong with a COCO-format annotation file, said before any training.

Errors, since training on them would measure something else than the user meant: a file or entry that is missing or of
the wrong structure, an image file that is missing, broken or of another size than its entry says, an id used twice, a
file named twice (in whatever spelling), an annotation of an unknown image or category, a box wholly outside its image,
no usable box at all.

Cleaned, with a warning and a count: boxes that reach over the edge (clipped), boxes of zero area (dropped; COCO 2017
has some), areas that contradict their box (taken from mask or box), crowd regions (not trained on, ignored in
evaluation), segmentations that cannot be read (the object keeps its box and has no mask), images without a box (kept as
background).

Said, and left as it is: categories of one name, boxes that look like fractions, pictures of more than 8 bits, and what
was made of EXIF orientations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.datasets.coco_clean import Box, clean_boxes
from nas.datasets.coco_doubts import doubts
from nas.datasets.coco_entries import Fault, ImageEntry, valid_rows
from nas.datasets.coco_files import Header, file_faults, read_headers
from nas.datasets.orientation import orient
from nas.datasets.quoting import shown_name, shown_value
from search_spaces.errors import DataError

LISTED_FAULTS = 5


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """The usable content of an annotation file.

    Attributes:
        images, boxes: in the order of the file.
        class_names: K names, the first is label 1's.
        category_ids: the ids of these K categories.
        cleaned: what was cleaned, as a clause -> how many.
        remarks: sentences, without their full stop, about what may be meant otherwise and what was made of it.
        broken: the pictures that cannot be read or have another size than their entry; decoding them says which.
    """

    images: tuple[ImageEntry, ...]
    boxes: tuple[Box, ...]
    class_names: tuple[str, ...]
    category_ids: tuple[int, ...]
    cleaned: Mapping[str, int]
    remarks: tuple[str, ...] = ()
    broken: tuple[ImageEntry, ...] = ()


def check(path: Path, image_folder: Path, raw: Mapping[str, Any]) -> CheckedFile:
    """Check every entry, read the header of every picture, and clean what can be cleaned.

    Raises:
        DataError: one sentence with the number of problems of each kind, the first of them, and how many more.
    """
    faults: list[Fault] = []
    categories = valid_rows("categories", raw["categories"], faults)
    image_rows = valid_rows("images", raw["images"], faults)
    annotations = valid_rows("annotations", raw["annotations"], faults)
    images = {row["id"]: ImageEntry(row["id"], row["file_name"], row["width"], row["height"]) for row in image_rows}
    faults.extend(file_faults(image_folder, images.values()))
    headers = {} if faults else read_headers(image_folder, images.values())
    images, turned = orient(images, headers, annotations)
    labels = {category: label for label, category in enumerate(sorted(row["id"] for row in categories), start=1)}
    faults.extend(_reference_faults(annotations, images, labels))
    raise_faults(path, faults)
    names = {row["id"]: row["name"] for row in categories}
    category_ids = tuple(sorted(names))
    class_names = tuple(names[key] for key in category_ids)
    broken = tuple(image for image in images.values() if not _agree(image, headers.get(image.id)))
    if broken:
        return CheckedFile(tuple(images.values()), (), class_names, category_ids, {}, broken=broken)
    cleaned: Counter[str] = Counter()
    boxes = tuple(clean_boxes(annotations, images, labels, cleaned))
    if all(box.crowd for box in boxes):
        raise_faults(path, [Fault("no usable box", f"{len(annotations)} annotations give no box to train on")])
    cleaned["images without a box were kept as background"] = len(images.keys() - {box.image_id for box in boxes})
    remarks = (*([turned] if turned else []), *doubts(categories, annotations, images, headers.values()))
    return CheckedFile(tuple(images.values()), boxes, class_names, category_ids, +cleaned, remarks)


def raise_faults(path: Path, faults: list[Fault]) -> None:
    """Raise a DataError with all faults, counted by kind and the first few listed; do nothing when there are none."""
    if not faults:
        return
    counts = ", ".join(f"{count} x {kind}" for kind, count in Counter(fault.kind for fault in faults).items())
    listed = "; ".join(fault.clause for fault in faults[:LISTED_FAULTS])
    more = f"; and {len(faults) - LISTED_FAULTS} more" if len(faults) > LISTED_FAULTS else ""
    problems = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
    raise DataError(f"data set {shown_name(path)} has {problems} ({counts}): {listed}{more}.")


def _agree(image: ImageEntry, header: Header | None) -> bool:
    """Whether a picture can be read and has the size of its entry."""
    if header is None:
        return False
    return (image.height, image.width) == (header.shown_size if image.upright else header.stored_size)


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
            outside = f"outside its {image.width} x {image.height} image {shown_name(image.file_name)}"
            yield Fault("box outside", f"{where} has bbox {shown_value(row['bbox'])} {outside}")
