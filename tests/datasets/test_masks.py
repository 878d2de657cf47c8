"""Masks: packed, selected and unpacked unchanged, and absent where an object has none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from nas.datasets.masks import Masks, PackedMasks, encode_masks, pack_masks


def random_bitmaps(seed: int, count: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((count, height, width)) < rng.random((count, 1, 1))


@given(seed=st.integers(0, 999), count=st.integers(0, 5), height=st.integers(1, 20), width=st.integers(1, 20))
@settings(max_examples=40, deadline=None)
def test_what_is_packed_is_unpacked(seed: int, count: int, height: int, width: int) -> None:
    bitmaps = random_bitmaps(seed, count, height, width)
    packed = pack_masks([b"x", *encode_masks(bitmaps), None])
    assert packed is not None
    masks = packed.of(slice(1, 1 + count), (height, width))
    assert len(masks) == count
    np.testing.assert_array_equal(masks.decode(), bitmaps)
    assert masks.decode().dtype == np.bool_
    areas = [int(coco_mask.area(one)) for one in masks.encoded()]
    assert areas == bitmaps.sum(axis=(1, 2)).tolist()


def some_masks() -> Masks:
    one, two, three = encode_masks(random_bitmaps(0, 3, 4, 5))
    packed = pack_masks([one, None, two, three])
    assert packed is not None
    return packed.of(slice(0, 4), (4, 5))


def test_an_object_without_a_mask() -> None:
    masks = some_masks()
    assert masks.present.tolist() == [True, False, True, True]
    with pytest.raises(ValueError, match="1 of 4 objects have no mask"):
        masks.decode()
    np.testing.assert_array_equal(masks[masks.present].decode(), random_bitmaps(0, 3, 4, 5))
    np.testing.assert_array_equal(masks[np.asarray([3])].decode(), random_bitmaps(0, 3, 4, 5)[2:])
    assert len(masks[slice(0, 2)]) == 2


def test_no_masks_at_all() -> None:
    assert pack_masks([None, None]) is None
    assert pack_masks([]) is None
    assert encode_masks(np.zeros((0, 4, 5), dtype=bool)) == []
    assert some_masks()[slice(0, 0)].decode().shape == (0, 4, 5)


def test_arrays_that_do_not_belong_together() -> None:
    with pytest.raises(ValueError, match="do not belong together"):
        PackedMasks(np.zeros(3, dtype=np.uint8), np.asarray([0, 2]))
