"""COCO's polygons and run lengths: as pycocotools reads them, in the original and in the square image."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from nas.datasets.masks import Size
from nas.datasets.segmentation import rasterise, rasterise_square, read_segmentation
from tests.datasets.square_support import masks_as_boxes

SIZE = (30, 40)
SQUARE = [4.0, 2.0, 20.0, 2.0, 20.0, 12.0, 4.0, 12.0]


def bitmap_of(counts: bytes, size: Size) -> np.ndarray:
    return np.asarray(coco_mask.decode({"size": list(size), "counts": counts})).astype(bool)


def drawn(value: Any) -> np.ndarray:
    shape = read_segmentation(value, SIZE)
    assert shape is not None
    return bitmap_of(rasterise(shape, SIZE), SIZE)


def test_polygons_are_joined_as_pycocotools_does() -> None:
    other = [25.0, 20.0, 39.5, 20.0, 30.0, 29.0]
    expected = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([SQUARE, other], *SIZE)))
    np.testing.assert_array_equal(drawn([SQUARE, other]), expected)
    np.testing.assert_array_equal(masks_as_boxes(drawn([SQUARE])[None])[0], [4, 2, 20, 12])


@given(seed=st.integers(0, 9999))
@settings(max_examples=60, deadline=None)
def test_run_lengths_of_both_kinds_are_the_bitmap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bitmap = np.asfortranarray(rng.random(SIZE) < rng.random(), dtype=np.uint8)
    if seed % 2:
        bitmap[5:25, 3:30] = 1
    flat = bitmap.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat, prepend=0))
    runs = np.diff([0, *changes, flat.size]).tolist()
    text = coco_mask.encode(bitmap)["counts"].decode()
    for counts in (runs, text):
        np.testing.assert_array_equal(drawn({"size": list(SIZE), "counts": counts}), bitmap)


@pytest.mark.parametrize("kind", ["polygon", "run lengths"])
def test_the_square_image_holds_the_same_shape(kind: str) -> None:
    shape = read_segmentation([SQUARE], SIZE)
    if kind == "run lengths":
        bitmap = np.asfortranarray(drawn([SQUARE]), dtype=np.uint8)
        shape = read_segmentation({"size": list(SIZE), "counts": coco_mask.encode(bitmap)["counts"].decode()}, SIZE)
    assert shape is not None
    for side in (80, 40, 20):
        square = bitmap_of(rasterise_square(shape, SIZE, side), (side, side))
        np.testing.assert_allclose(masks_as_boxes(square[None])[0], np.asarray([4, 2, 20, 12]) * side / 40, atol=0.51)


@pytest.mark.parametrize("value", [None, [], {}, [[]], [[1, 2, 3, 4]], ""])
def test_no_mask(value: Any) -> None:
    assert read_segmentation(value, SIZE) is None


def test_polygons_of_fewer_than_three_points_are_left_out() -> None:
    np.testing.assert_array_equal(drawn([[1, 2, 3, 4], SQUARE]), drawn([SQUARE]))


def test_points_far_outside_cost_no_memory() -> None:
    assert drawn([[0, 0, 1e12, 0, 1e12, 1e12, 0, 1e12]]).all()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("mask", "neither a list of polygons nor an object"),
        (SQUARE, "polygons that are not an even number"),
        ([[1, 2, 3, 4, 5, 6, 7]], "polygons that are not an even number"),
        ([[1, 2, 3, 4, 5, float("nan")]], "finite numbers"),
        ([[1, 2, "three", 4, 5, 6]], "something else than numbers"),
        ([[[1, 2], [3, 4], [5, 6]]], "not an even number"),
        ({"counts": [1200]}, "another size"),
        ({"size": [40, 30], "counts": [1200]}, "another size"),
        ({"size": [30, 40], "counts": [1199]}, "do not add up"),
        ({"size": [30, 40], "counts": [1210, -10]}, "do not add up"),
        ({"size": [30, 40], "counts": [[1200]]}, "do not add up"),
        ({"size": [30, 40], "counts": [10**30]}, "neither a list of integers nor"),
        ({"size": [30, 40], "counts": None}, "neither a list of integers nor"),
        ({"size": [30, 40], "counts": "~~~"}, "neither a list of integers nor"),
        ({"size": [30, 40], "counts": "o"}, "neither a list of integers nor"),
        ({"size": [30, 40], "counts": "ü"}, "neither a list of integers nor"),
        ({"size": [30, 40], "counts": "o" * 20 + "0"}, "neither a list of integers nor"),
        ({"size": [30, 40], "counts": "1"}, "do not add up"),
    ],
)
def test_what_cannot_be_read(value: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_segmentation(value, SIZE)


@pytest.mark.parametrize(
    "value",
    [
        [[12.0, 9.0, 13.0, 9.0, 13.0, 10.0, 12.0, 10.0]],
        {"size": [30, 40], "counts": [12 * 30 + 9, 1, 1200 - 12 * 30 - 10]},
    ],
)
def test_a_small_shape_keeps_one_pixel(value: Any) -> None:
    """One pixel of 40 in a square of 10 covers a sixteenth of a pixel; without its pixel the object had no mask."""
    shape = read_segmentation(value, SIZE)
    assert shape is not None
    rows, columns = np.nonzero(bitmap_of(rasterise_square(shape, SIZE, 10), (10, 10)))
    assert (rows.tolist(), columns.tolist()) == ([2], [3])


def test_a_shape_of_nothing_stays_empty() -> None:
    shape = read_segmentation({"size": [30, 40], "counts": [1200]}, SIZE)
    assert shape is not None
    assert not bitmap_of(rasterise_square(shape, SIZE, 10), (10, 10)).any()
