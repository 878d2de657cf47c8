"""Objects cleaned: areas that contradict their boxes, boxes of any size, segmentations of any content."""

from collections import Counter
from typing import Any

import pytest

from nas.datasets.coco_clean import Box, clean_boxes
from nas.datasets.coco_entries import ImageEntry

IMAGES = {1: ImageEntry(1, "a.png", 100, 80)}
SQUARE = [[10, 10, 30, 10, 30, 30, 10, 30]]
"""A polygon of 20 x 20 pixels, half of the box."""
TOO_SMALL = [[10, 10, 10.2, 10, 10, 10.2]]
"""A polygon that covers no pixel."""
CONTRADICTS = "areas that contradict their box were taken from the mask, or from the box where there is none"


def clean(**changes: Any) -> tuple[list[Box], dict[str, int]]:
    """What one annotation with these changes becomes, and what was cleaned."""
    row = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [10, 10, 20, 40], **changes}
    cleaned: Counter[str] = Counter()
    return list(clean_boxes([row], IMAGES, {3: 1}, cleaned)), dict(+cleaned)


@pytest.mark.parametrize("area", [-1, -0.5, 0, 0.0, 900, 1e12, 10**300, 0.02])
@pytest.mark.parametrize(
    ("segmentation", "right"), [(None, 800), (SQUARE, 400), ([], 800), ([[10, 10, 10.2, 10, 10, 10.2]], 800)]
)
def test_an_area_that_contradicts_its_box(area: float, segmentation: Any, right: float) -> None:
    (box,), cleaned = clean(area=area, segmentation=segmentation)
    assert box.area == right
    assert cleaned == {CONTRADICTS: 1}


@pytest.mark.parametrize("area", [1, 37.5, 400, 800, 800.5, 21 * 41])
def test_an_area_that_agrees_is_kept(area: float) -> None:
    (box,), cleaned = clean(area=area)
    assert (box.area, cleaned) == (area, {})


def test_an_area_of_run_lengths() -> None:
    runs = {"size": [80, 100], "counts": [100, 50, 80 * 100 - 150]}
    (box,), _ = clean(area=-1, segmentation=runs)
    assert box.area == 50


def test_a_small_object_may_cover_less_than_a_pixel() -> None:
    (box,), cleaned = clean(area=0.4, bbox=[1, 1, 2, 2])
    assert (box.area, cleaned) == (0.4, {})


def test_a_box_over_the_edge_keeps_an_area_of_its_whole() -> None:
    (box,), cleaned = clean(area=400, bbox=[90, 10, 20, 20])
    assert (box.area, box.corners) == (400, (90, 10, 100, 30))
    assert CONTRADICTS not in cleaned


@pytest.mark.parametrize("bbox", [[-1e308, 0, 1.7e308, 80], [0, 0, 1e308, 1e308], [0, 0, 10**308, 10**308]])
def test_boxes_beyond_all_measure_are_clipped(bbox: list[float]) -> None:
    (box,), cleaned = clean(bbox=bbox, area=1e300)
    assert box.corners == (0, 0, 100, 80)
    assert box.area == 8000
    assert cleaned.keys() == {CONTRADICTS, "boxes that reach over the edge of their image were clipped"}


@pytest.mark.parametrize(
    "segmentation",
    [[[10**400, 1, 2, 3, 4, 5]], {"size": [80, 100], "counts": [10**400]}, {"size": [80, 100], "counts": [2**62] * 4}],
)
def test_numbers_of_hundreds_of_digits_cost_the_mask_alone(segmentation: Any) -> None:
    (box,), cleaned = clean(segmentation=segmentation)
    assert box.shape is None
    assert [clause.startswith("segmentations were left out: ") for clause in cleaned] == [True]
