"""Pictures decoded when asked for: the same data set as the cached one, at any scale; broken ones are named."""

import json

import numpy as np
import pytest

from nas.datasets.augment import AugmentSettings, read_batch, to_device
from nas.datasets.cache import NAMES
from nas.datasets.coco import open_coco
from nas.datasets.live import BrokenPicture
from nas.training.order import Pick
from search_spaces.errors import DataError
from tests.datasets.coco_support import content, write


@pytest.fixture
def settings(tmp_path):
    return write(tmp_path / "set", content())


def test_live_pictures_are_the_cached_ones(settings, tmp_path):
    cached, live = (open_coco(settings, 80, tmp_path / "cache", live=live) for live in (False, True))
    again = open_coco(settings, 80, tmp_path / "cache", live=True)
    assert (cached.has_views, live.has_views, again.has_views) == (False, True, True)
    assert cached.fingerprint == live.fingerprint == again.fingerprint
    for index in range(4):
        for data in (live, again):
            np.testing.assert_array_equal(data.image(index), cached.image(index))
            np.testing.assert_array_equal(data.objects(index).boxes, cached.objects(index).boxes)
    assert not list((tmp_path / "cache").glob("*-live/images.npy"))
    with pytest.raises(NotImplementedError, match="no originals at hand"):
        cached.view(0, 1.0, (0, 0))


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_boxes_lie_on_what_is_seen(settings, tmp_path, flip):
    """A white box on black is found where its target says, whatever scale, place and flip were drawn."""
    from PIL import Image

    for n in range(4):
        canvas = np.zeros((200, 400, 3), dtype=np.uint8)
        canvas[40:120, 20:120] = 255
        Image.fromarray(canvas).save(tmp_path / "set" / "train2017" / f"{n}.png")
    given = content()
    for row in given["images"]:
        row |= {"width": 400, "height": 200}
    given["annotations"] = [
        {"id": n, "image_id": 10 + n, "category_id": 7, "bbox": [20, 40, 100, 80]} for n in range(4)
    ]
    (tmp_path / "set" / "annotations" / "instances_train2017.json").write_text(json.dumps(given))
    data = open_coco(settings, 64, tmp_path / "cache", live=True)
    picks = [Pick(n % 4, (3, n)) for n in range(24)]
    images, targets = to_device(read_batch(data, picks, AugmentSettings(flip, 0.5, 2.0)), "cpu")
    seen = 0
    for image, target in zip(images, targets):
        for box in target["boxes"]:
            white = (image[0] > 1.0).nonzero()
            found = [*white.min(0).values.flip(0).tolist(), *(white.max(0).values.flip(0) + 1).tolist()]
            assert np.abs(np.asarray(found) - box.numpy()).max() <= 1.6
            seen += 1
    assert seen >= 12


def test_objects_are_drawn_where_there_are_too_many(settings, tmp_path):
    data = open_coco(settings, 80, tmp_path / "cache", live=True)
    pick = [Pick(0, (0, 0))]
    assert len(read_batch(data, pick, AugmentSettings()).targets[0]["labels"]) == 2
    few = [read_batch(data, pick, AugmentSettings(), most_objects=1).targets[0]["labels"] for _ in range(2)]
    assert [len(one) for one in few] == [1, 1]
    assert few[0].equal(few[1])


def test_a_picture_that_breaks_later_is_named(settings, tmp_path):
    data = open_coco(settings, 80, tmp_path / "cache", live=True)
    broken = tmp_path / "set" / "train2017" / "2.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(BrokenPicture, match=r"picture .*2\.png: 2\.png cannot be decoded") as raised:
        data.image(2)
    assert raised.value.index == 2
    broken.unlink()
    with pytest.raises(BrokenPicture, match="No such file"):
        data.image(2)


def test_damaged_annotations_are_named(settings, tmp_path):
    open_coco(settings, 80, tmp_path / "cache", live=True)
    (folder,) = (tmp_path / "cache").glob("*-live")
    (folder / NAMES).write_text("{}")
    with pytest.raises(DataError, match="is damaged"):
        open_coco(settings, 80, tmp_path / "cache", live=True)
