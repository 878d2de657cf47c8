"""The square array: flat annotations give each image its own objects, in square and in original pixels."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.datasets.colour import MEAN_COLOUR
from nas.datasets.pixels import opened
from nas.datasets.square import SquareData, size_in_square, square_scale, to_square
from tests.datasets.picture_support import exif
from tests.datasets.square_support import annotations, blank_data


def test_each_image_has_its_own_objects() -> None:
    notes = replace(annotations(3), offsets=np.asarray([0, 2, 2, 3]), labels=np.asarray([1, 2, 3]))
    data = SquareData(np.arange(3, dtype=np.uint8).repeat(192).reshape(3, 3, 8, 8), notes, "key")
    assert [data.objects(index).labels.tolist() for index in range(3)] == [[1, 2], [], [3]]
    assert [int(data.image(index)[0, 0, 0]) for index in range(3)] == [0, 1, 2]
    assert (len(data), data.image_size, data.class_names) == (3, 8, ("a", "ünï"))
    assert data.source == "in memory"


def test_the_way_back_to_the_original() -> None:
    data = blank_data(2, masks=True)
    assert data.original_size(1) == (16, 8)
    assert data.to_original(1, np.asarray([[0, 0, 4, 8]], dtype=np.float32)).tolist() == [[0, 0, 8, 16]]
    original = data.original_objects(1)
    assert original.boxes.tolist() == [[2, 4, 10, 12]]
    assert original.masks is not None
    assert original.masks.size == (16, 8)


def test_crowd_regions_are_among_the_objects() -> None:
    notes = replace(annotations(1, per_image=2), crowd=np.asarray([False, True]))
    data = SquareData(np.zeros((1, 3, 8, 8), dtype=np.uint8), notes, "key")
    assert data.objects(0).crowd.tolist() == data.original_objects(0).crowd.tolist() == [False, True]


def test_arrays_that_do_not_belong_together() -> None:
    notes = annotations(3)
    for change in ({"labels": notes.labels[:2]}, {"offsets": notes.offsets[:2]}, {"sizes": notes.sizes[:2]}):
        with pytest.raises(ValueError, match="do not belong together"):
            replace(notes, **change)
    with pytest.raises(ValueError, match="do not belong together"):
        SquareData(np.zeros((2, 3, 8, 8), dtype=np.uint8), notes, "key")


def test_a_picture_on_the_square(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (30, 60, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif(6))
    for upright, size, corner in ((True, (40, 20), (39, 19)), (False, (20, 40), (19, 39))):
        with opened(tmp_path / "a.png") as picture:
            square = to_square(picture, 40, upright)
        assert square.shape == (3, 40, 40)
        assert size_in_square((60, 30) if upright else (30, 60), 40) == size
        inside = np.zeros((40, 40), dtype=bool)
        inside[: size[0], : size[1]] = True
        mean = (square == np.asarray(MEAN_COLOUR)[:, None, None]).all(axis=0)
        assert mean[~inside].all()
        assert not mean[corner]
    assert size_in_square((1, 5000), 40) == (1, 40)
    assert square_scale((16, 8), 8) == np.float32(0.5)
