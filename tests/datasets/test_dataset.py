"""What every data set offers, and how images are reserved for measuring AP."""

from dataclasses import replace

import numpy as np
import pytest

from nas.datasets.dataset import check_masks, reserve
from search_spaces.errors import DataError
from tests.datasets.square_support import blank_data


def test_objects_are_selected_with_all_they_have() -> None:
    objects = blank_data(1, per_image=3, masks=True).objects(0)
    some = objects.select(np.asarray([False, True, True]))
    assert len(some) == len(some.boxes) == len(some.areas) == len(some.crowd) == 2
    assert some.masks is not None
    assert some.masks.decode().shape == (2, 8, 8)
    assert len(objects.select(slice(0, 1))) == 1


def test_objects_unpack_into_boxes_and_labels() -> None:
    objects = blank_data(1, per_image=3).objects(0)
    boxes, labels = objects
    assert boxes is objects.boxes is objects[0]
    assert labels is objects.labels is objects[1]


def test_crowd_regions_are_not_trained_on() -> None:
    objects = blank_data(1, per_image=3).objects(0)
    assert objects.trainable() is objects
    crowded = replace(objects, crowd=np.asarray([True, False, False]))
    assert len(crowded.trainable()) == 2


def test_masks_are_asked_for_in_words() -> None:
    check_masks(blank_data(3, masks=True), range(3))
    check_masks(blank_data(3, per_image=0), range(3))
    with pytest.raises(
        DataError,
        match=r"^data set blank has no mask for some of its objects, in 2 of 2 images .*'segmentation', or train a Ret",
    ):
        check_masks(blank_data(3), [0, 2])


@pytest.mark.parametrize(("images", "wanted", "reserved"), [(40, None, 10), (40_000, None, 7392), (40, 3, 3)])
def test_reserves_disjoint_images(images: int, wanted: int | None, reserved: int) -> None:
    split = reserve(blank_data(images), wanted, seed=1)
    assert len(split.reserved) == reserved
    assert sorted(split.train + split.reserved) == list(range(images))
    assert split == reserve(blank_data(images), wanted, seed=1)
    assert split != reserve(blank_data(images), wanted, seed=2)


@pytest.mark.parametrize("wanted", [0, 40, 41, -1])
def test_reserving_none_or_all_is_refused(wanted: int) -> None:
    with pytest.raises(DataError, match=rf"reserved_images is {wanted} and the training split has 40"):
        reserve(blank_data(40), wanted)


def test_reserved_images_without_an_object_are_refused() -> None:
    with pytest.raises(DataError, match="hold no object"):
        reserve(blank_data(8, per_image=0))
