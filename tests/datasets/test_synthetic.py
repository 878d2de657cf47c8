"""The embedded data set: a function of its seed, many sizes, boxes that fit."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.datasets.stencils import SHAPES
from nas.datasets.synthetic import SyntheticSettings, fingerprint, generate, open_synthetic
from search_spaces.errors import ConfigError
from tests.datasets.square_support import masks_as_boxes


def test_the_set_is_a_function_of_settings_and_size(tmp_path: Path) -> None:
    few = SyntheticSettings(images=12)
    one, two = open_synthetic(few, 64, tmp_path / "a"), open_synthetic(few, 64, tmp_path / "b")
    np.testing.assert_array_equal(one.images, two.images)
    np.testing.assert_array_equal(one.annotations.boxes, two.annotations.boxes)
    assert one.fingerprint == two.fingerprint
    other = open_synthetic(SyntheticSettings(images=12, seed=1), 64, tmp_path / "a")
    assert other.fingerprint != one.fingerprint
    assert (other.images != one.images).any()
    assert one.class_names == ("disc", "triangle", "cross")
    assert one.annotations.offsets[-1] == len(one.annotations.boxes)


@given(seed=st.integers(0, 1000), size=st.sampled_from([32, 96, 200]), classes=st.integers(1, len(SHAPES)))
@settings(max_examples=25, deadline=None)
def test_boxes_lie_in_the_image(seed: int, size: int, classes: int) -> None:
    picture = generate(SyntheticSettings(seed=seed, classes=classes), 0, size)
    image, boxes, labels = picture.image, picture.boxes, picture.labels
    assert image.shape == (3, size, size)
    assert len(boxes) == len(labels) >= 1
    assert (boxes >= 0).all()
    assert (boxes <= size).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()
    assert ((labels >= 1) & (labels <= classes)).all()


def test_masks_fill_their_boxes_and_are_what_the_cache_keeps(tmp_path: Path) -> None:
    chosen = SyntheticSettings(images=30, classes=6)
    data = open_synthetic(chosen, 64, tmp_path)
    for index in range(30):
        picture, objects = generate(chosen, index, 64), data.objects(index)
        assert objects.masks is not None
        np.testing.assert_array_equal(objects.masks.decode(), picture.masks)
        assert objects.masks.encoded() == data.original_objects(index).masks.encoded()  # type: ignore[union-attr]
        extents = masks_as_boxes(picture.masks)
        assert (extents[:, :2] >= picture.boxes[:, :2]).all()
        assert (extents[:, 2:] <= picture.boxes[:, 2:]).all()
        assert np.abs(extents - picture.boxes).max() <= 4, "only the tips of thin shapes lie outside"


EARLIER = "794104cabbada43d"  # of the default settings at 96 px, as records keep it


def test_the_fingerprint_is_that_of_earlier_records() -> None:
    assert fingerprint(SyntheticSettings(), 96) == EARLIER


def test_sizes_run_from_tiny_to_nearly_the_frame_and_all_classes_occur() -> None:
    found = [generate(SyntheticSettings(), index, 96) for index in range(150)]
    boxes = np.concatenate([picture.boxes for picture in found])
    labels = np.concatenate([picture.labels for picture in found])
    sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) / 96
    assert sides.min() < 0.1
    assert sides.max() > 0.8
    octaves = np.histogram(np.log2(sides), bins=[np.log2(0.08), np.log2(0.18), np.log2(0.4), 0])[0]
    assert (octaves > len(sides) / 6).all(), "log-uniform sizes fill every range"
    assert set(labels.tolist()) == {1, 2, 3}


def test_objects_overlap_and_stay_below_the_limit() -> None:
    touching = 0
    for index in range(40):
        boxes = generate(SyntheticSettings(max_overlap=0.3, min_objects=4, max_objects=6), index, 96).boxes
        low, high = np.maximum(boxes[:, None, :2], boxes[:, :2]), np.minimum(boxes[:, None, 2:], boxes[:, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=2)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        overlap = (shared / (areas[:, None] + areas - shared))[np.triu_indices(len(boxes), 1)]
        assert (overlap <= 0.3 + 1e-6).all()
        touching += int((overlap > 0).sum())
    assert touching > 20


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("images", 1),
        ("classes", 99),
        ("min_objects", 9),
        ("smallest", 0.0),
        ("largest", 1.5),
        ("clutter", -1),
        ("max_overlap", 2.0),
        ("textured", -0.5),
    ],
)
def test_settings_out_of_range(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^{field} is {value}"):
        SyntheticSettings(**{field: value})  # type: ignore[arg-type]
