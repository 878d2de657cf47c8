"""Objects of a COCO-format data set, cleaned: boxes clipped, areas put right, segmentations read, with counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pycocotools import mask as coco_mask

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.orientation import EDGE_TOLERANCE
from nas.datasets.segmentation import Shape, rasterise, read_segmentation

_SURELY_MORE_THAN_A_PIXEL = 100.0  # of a box's area; an object in it has more than one pixel

Corners = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """One clean object: x1 y1 x2 y2 in pixels of the original image, label 1..K, area in square pixels, its outline."""

    image_id: int
    label: int
    corners: Corners
    area: float
    crowd: bool
    shape: Shape | None = None


def clean_boxes(
    rows: Sequence[Mapping[str, Any]],
    images: Mapping[int, ImageEntry],
    labels: Mapping[int, int],
    cleaned: Counter[str],
) -> Iterator[Box]:
    """The objects that are left.

    Args:
        rows: annotations without faults.
        images: by id.
        labels: category id -> label 1..K.
        cleaned: counts what was cleaned, by a clause that says it.
    """
    for row in rows:
        image = images[row["image_id"]]
        x, y, width, height = map(float, row["bbox"])
        corners = clip(row["bbox"], image)
        if corners is None:
            cleaned["boxes of zero area were dropped"] += 1
            continue
        x1, y1, x2, y2 = corners
        if max(x1 - x, y1 - y, x + width - x2, y + height - y2) > EDGE_TOLERANCE:
            cleaned["boxes that reach over the edge of their image were clipped"] += 1
        crowd = bool(row.get("iscrowd", 0))
        cleaned["crowd regions are not trained on and are ignored in evaluation"] += crowd
        shape = _clean_segmentation(row.get("segmentation"), image, cleaned)
        area = _clean_area(row, corners, shape, image, cleaned)
        yield Box(image.id, labels[row["category_id"]], corners, area, crowd, shape)


def clip(bbox: Sequence[float], image: ImageEntry) -> Corners | None:
    """The corners of the part of a box [x, y, width, height] that lies in its image; None for no area."""
    x, y, width, height = map(float, bbox)
    x1, y1, x2, y2 = max(x, 0.0), max(y, 0.0), min(x + width, image.width), min(y + height, image.height)
    return None if x2 <= x1 or y2 <= y1 else (x1, y1, x2, y2)


def _clean_area(
    row: Mapping[str, Any], corners: Corners, shape: Shape | None, image: ImageEntry, cleaned: Counter[str]
) -> float:
    """The area that the file gives, or where it gives none its clipped box's.

    COCO leaves objects out of the evaluation by their areas, so an area that contradicts the box is counted again.
    """
    own = (corners[2] - corners[0]) * (corners[3] - corners[1])
    if "area" not in row:
        return own
    area, (_, _, width, height) = float(row["area"]), map(float, row["bbox"])
    # A box of inclusive pixels is counted one shorter than it is; what lies outside the image counts for nothing.
    most = (min(width, image.width) + 1) * (min(height, image.height) + 1)
    least = 1.0 if own > _SURELY_MORE_THAN_A_PIXEL else 0.0
    if least <= area <= most and area > 0:
        return area
    cleaned["areas that contradict their box were taken from the mask, or from the box where there is none"] += 1
    covered = 0.0 if shape is None else _covered(shape, image)
    return covered or own


def _covered(shape: Shape, image: ImageEntry) -> float:
    """How many pixels a shape covers."""
    size = (image.height, image.width)
    return float(coco_mask.area({"size": list(size), "counts": rasterise(shape, size)}))


def _clean_segmentation(value: Any, image: ImageEntry, cleaned: Counter[str]) -> Shape | None:
    try:
        shape = read_segmentation(value, (image.height, image.width))
    except ValueError as error:
        cleaned[f"segmentations were left out: {error}"] += 1
        return None
    if isinstance(value, list) and len(value) > len(shape or ()):
        cleaned["segmentations lost a polygon of fewer than three points"] += 1
    return shape
