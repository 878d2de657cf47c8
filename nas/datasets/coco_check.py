"""What can be wrong with a COCO-format annotation file, said before any training.

Errors, since training on them would measure something else than the user meant: a file or entry that is missing or of
the wrong structure, an image file that is missing, broken or of another size than its entry says, an id used twice, a
file named twice (in whatever spelling), an annotation of an unknown image or category, a box wholly outside its image,
no usable box at all. With ``faults=drop`` the entries that they are about are left out, see
:mod:`nas.datasets.dropping`.

Cleaned, with a warning and a count: boxes that reach over the edge (clipped), boxes of zero area (dropped; COCO 2017
has some), areas that contradict their box (taken from mask or box), crowd regions (not trained on, ignored in
evaluation), segmentations that cannot be read (the object keeps its box and has no mask), images without a box (kept as
background).

Said, and left as it is: categories of one name, boxes that look like fractions, pictures of more than 8 bits, and what
was made of EXIF orientations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nas.datasets.annotated import Reading
from nas.datasets.coco_clean import Box, clean_boxes, clip
from nas.datasets.coco_doubts import doubts
from nas.datasets.coco_entries import PLACE, Fault, ImageEntry, entry_name, kinds_and_first, valid_rows
from nas.datasets.coco_files import Header, file_faults, read_headers
from nas.datasets.orientation import orient
from nas.datasets.quoting import shown_name, shown_value
from search_spaces.errors import DataError

TABLES = ("categories", "images", "annotations")

Rows = Mapping[int, Mapping[str, Any]]
"""Position in its list -> row."""


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


def check(path: Path, image_folder: Path, reading: Reading) -> CheckedFile:
    """Check every entry, read the header of every picture, and clean what can be cleaned.

    ``path`` is what the data set is called in a sentence.

    Raises:
        DataError: one sentence with the number of problems of each kind, the first of them, and how many more.
    """
    gone: dict[str, set[int]] = {name: set() for name in TABLES}
    for fault in reading.faults:
        gone[fault.table].add(fault.position)
    lost = {reading.raw["images"][position].get("id") for position in gone["images"]}
    if lost:
        rows = reading.raw["annotations"]
        gone["annotations"] |= {position for position, row in enumerate(rows) if row.get("image_id") in lost}
    found = examine(image_folder, reading.raw, gone, reading.headers)
    raise_faults(path, [*reading.faults, *(found if isinstance(found, list) else ())])
    assert isinstance(found, CheckedFile)
    return found


def examine(
    image_folder: Path,
    raw: Mapping[str, Any],
    gone: Mapping[str, Collection[int]],
    headers: Mapping[int, Header] | None = None,
    count_empty: bool = False,
) -> CheckedFile | list[Fault]:
    """What :func:`check` gives, or the faults that it raises.

    Args:
        gone: name of a list -> positions of rows that are passed over.
        headers: of the pictures by image id, where they were read already.
        count_empty: whether a box of zero area is a fault; otherwise it is cleaned away and counted.
    """
    faults: list[Fault] = []
    categories, image_rows, annotations = (valid_rows(name, raw[name], faults, gone[name]) for name in TABLES)
    images = {
        row["id"]: ImageEntry(row["id"], row["file_name"], row["width"], row["height"], position=position)
        for position, row in image_rows.items()
    }
    faults.extend(file_faults(image_folder, images.values()))
    if headers is None:
        headers = {} if faults else read_headers(image_folder, images.values())
    headers = {key: header for key, header in headers.items() if key in images}
    images, turned = orient(images, headers, annotations.values())
    category_ids = tuple(sorted(row["id"] for row in categories.values()))
    labels = {category: label for label, category in enumerate(category_ids, start=1)}
    faults.extend(_reference_faults(annotations, images, labels, count_empty))
    if faults:
        return faults
    return _clean(categories, images, annotations, labels, headers, turned)


def _clean(
    categories: Rows,
    images: Mapping[int, ImageEntry],
    annotations: Rows,
    labels: Mapping[int, int],
    headers: Mapping[int, Header],
    turned: str | None,
) -> CheckedFile | list[Fault]:
    """The content of a file without faults; a list of one fault where no box can be used."""
    names = {row["id"]: row["name"] for row in categories.values()}
    category_ids = tuple(labels)
    class_names = tuple(names[key] for key in category_ids)
    broken = tuple(image for image in images.values() if not _agree(image, headers.get(image.id)))
    if broken:
        return CheckedFile(tuple(images.values()), (), class_names, category_ids, {}, broken=broken)
    cleaned: Counter[str] = Counter()
    rows = tuple(annotations.values())
    boxes = tuple(clean_boxes(rows, images, labels, cleaned))
    if all(box.crowd for box in boxes):
        return [Fault("no usable box", f"{len(annotations)} annotations give no box to train on")]
    cleaned["images without a box were kept as background"] = len(images.keys() - {box.image_id for box in boxes})
    remarks = (*([turned] if turned else []), *doubts(tuple(categories.values()), rows, images, headers.values()))
    return CheckedFile(tuple(images.values()), boxes, class_names, category_ids, +cleaned, remarks)


def raise_faults(path: Path, faults: Sequence[Fault]) -> None:
    """Raise a DataError with all faults, counted by kind and the first few listed; do nothing when there are none."""
    if not faults:
        return
    problems = "1 problem" if len(faults) == 1 else f"{len(faults)} problems"
    counts, listed = kinds_and_first((fault.kind, fault.clause) for fault in faults)
    raise DataError(f"data set {shown_name(path)} has {problems} ({counts}): {listed}.")


def _agree(image: ImageEntry, header: Header | None) -> bool:
    """Whether a picture can be read and has the size of its entry."""
    if header is None:
        return False
    return (image.height, image.width) == (header.shown_size if image.upright else header.stored_size)


def _reference_faults(
    rows: Rows, images: Mapping[int, ImageEntry], labels: Mapping[int, int], count_empty: bool
) -> Iterator[Fault]:
    for position, row in rows.items():
        about = partial(Fault, table="annotations", position=position)
        where = entry_name("annotations", position, row) if PLACE in row else f"annotation {row['id']}"
        if row["category_id"] not in labels:
            yield about("unknown category", f"{where} has category_id {row['category_id']}, which is no category's id")
        image = images.get(row["image_id"])
        if image is None:
            yield about("unknown image", f"{where} has image_id {row['image_id']}, which is no valid image's id")
            continue
        x, y, width, height = row["bbox"]
        if x >= image.width or y >= image.height or x + width < 0 or y + height < 0:
            outside = f"outside its {image.width} x {image.height} image {shown_name(image.file_name)}"
            yield about("box outside", f"{where} has bbox {shown_value(row['bbox'])} {outside}")
        elif count_empty and clip(row["bbox"], image) is None:
            yield about("box of zero area", f"{where} has bbox {shown_value(row['bbox'])}")
