"""A COCO-format data set: what is read, resized, labelled and kept; broken images are named."""

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from nas.datasets import coco_check, coco_source, decoding
from nas.datasets.coco import CocoSettings, open_coco
from nas.datasets.colour import MEAN_COLOUR
from nas.datasets.dataset import reserve
from nas.datasets.registry import open_data
from search_spaces.errors import ConfigError, DataError
from tests.datasets.coco_support import content, opened, write
from tests.datasets.picture_support import GREY, exif, png16
from tests.datasets.square_support import masks_as_boxes


def test_reads_resizes_and_labels_by_sorted_id(tmp_path: Path) -> None:
    data = opened(tmp_path, content())
    assert data.images.shape == (4, 3, 80, 80)
    assert data.images.dtype == np.uint8
    assert data.class_names == ("train", "toothbrush")
    assert tuple(data.images[2, :, 20, 20]) == (100, 100, 200)
    assert tuple(data.images[2, :, 60, 20]) == MEAN_COLOUR
    objects = data.objects(0)
    np.testing.assert_allclose(objects.boxes, [[4, 8, 24, 24], [4, 8, 24, 24]])
    assert objects.labels.tolist() == [1, 1]
    assert data.objects(1).labels.tolist() == [2, 2]
    np.testing.assert_allclose(objects.areas, 80)
    np.testing.assert_allclose(data.original_objects(0).boxes, [[2, 4, 12, 12], [2, 4, 12, 12]])
    assert data.original_size(0) == (20, 40)
    assert data.source.endswith("instances_train2017.json")
    assert objects.masks is None


def test_masks_in_square_and_original_pixels(tmp_path: Path) -> None:
    given = content()
    given["annotations"][0]["segmentation"] = [[2, 4, 12, 4, 12, 12, 2, 12]]
    run_lengths = np.zeros((20, 40), dtype=np.uint8, order="F")
    run_lengths[4:12, 2:12] = 1
    given["annotations"][4]["segmentation"] = {
        "size": [20, 40],
        "counts": coco_mask.encode(run_lengths)["counts"].decode(),
    }
    data = opened(tmp_path, given)
    square, original = data.objects(0).masks, data.original_objects(0).masks
    assert square is not None
    assert original is not None
    np.testing.assert_array_equal(masks_as_boxes(square.decode()), data.objects(0).boxes)
    np.testing.assert_array_equal(masks_as_boxes(original.decode()), data.original_objects(0).boxes)
    assert [data.objects(index).have_masks() for index in range(4)] == [True, False, False, False]


def test_second_opening_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = write(tmp_path / "set", content())
    first = open_coco(settings, 64, tmp_path / "cache")
    monkeypatch.setattr(decoding, "decode", None)
    second = open_coco(settings, 64, tmp_path / "cache")
    assert second.fingerprint == first.fingerprint
    assert isinstance(second.images, np.memmap)
    assert not second.images.flags.writeable
    np.testing.assert_array_equal(first.images, second.images)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_fingerprint_follows_annotations_images_and_size(tmp_path: Path) -> None:
    settings = write(tmp_path / "set", content())
    cache = tmp_path / "cache"
    seen = {open_coco(settings, 64, cache).fingerprint, open_coco(settings, 32, cache).fingerprint}
    os.utime(tmp_path / "set" / "train2017" / "1.png", (1, 1))
    assert open_coco(settings, 64, cache).fingerprint in seen, "a copy with other times is the same set"
    assert len(list(cache.iterdir())) == 3, "but it is read again, since the file may have changed"
    changed = content()
    changed["annotations"][0]["bbox"] = [3, 4, 10, 8]
    (tmp_path / "set" / "annotations" / "instances_train2017.json").write_text(json.dumps(changed))
    seen.add(open_coco(settings, 64, cache).fingerprint)
    assert len(seen) == 3


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_broken_images_are_all_counted(tmp_path: Path, suffix: str) -> None:
    data = content()
    settings = write(tmp_path / "set", data)
    folder = tmp_path / "set" / "train2017"
    for n, row in enumerate(data["images"]):
        row["file_name"] = f"{n}{suffix}"
        noise = np.random.default_rng(n).integers(0, 256, (20, 40, 3)).astype(np.uint8)
        Image.fromarray(noise).save(folder / row["file_name"])
        if n > 1:
            whole = (folder / row["file_name"]).read_bytes()
            (folder / row["file_name"]).write_bytes(whole[: len(whole) // 2] if n == 2 else b"")
    (tmp_path / "set" / "annotations" / "instances_train2017.json").write_text(json.dumps(data))
    with pytest.raises(DataError, match=rf"2 problems \(2 x broken image\): image 12: 2\{suffix} cannot.*image 13: 3"):
        open_coco(settings, 64, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"root": "nowhere"}, r"data root nowhere is not a folder"),
        ({"root": ".", "train_images": "pictures"}, r"image folder pictures.*data\.train_images"),
        ({"root": ".", "train_images": ".", "train_annotations": "a.json"}, r"a\.json.*data\.train_annotations"),
    ],
)
def test_missing_paths(settings: dict[str, str], pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=pattern):
        open_data({"kind": "coco", **settings}, 64, tmp_path)


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"kind": "cocoa"}, r"'cocoa' \(did you mean 'coco'\?\); there are: coco, folder, synthetic"),
        ({"kind": "coco"}, r"data\.root is not set"),
        ({"kind": "coco", "root": ".", "train_image": "x"}, r"'train_image' \(did you mean 'train_images'\?\)"),
        ({"kind": "synthetic", "image": 5}, r"'image' \(did you mean 'images'\?\)"),
    ],
)
def test_unknown_settings(settings: dict[str, str], pattern: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=pattern):
        open_data(settings, 64, tmp_path)


@pytest.mark.parametrize("setting", ["root", "train_images", "train_annotations"])
@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "a\udce9", "/".join(["x" * 200] * 40), "~nobody-of-this-name/x"])
def test_paths_that_cannot_be_are_said(tmp_path: Path, setting: str, name: str) -> None:
    settings = {"root": str(tmp_path), "train_images": ".", setting: name}
    with pytest.raises(DataError, match=rf"is not .*set data\.{setting}|data root .* is not a folder") as caught:
        open_data({"kind": "coco", **settings}, 64, tmp_path)
    assert str(caught.value).isprintable()


def test_pictures_are_turned_as_their_entries_mean_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each picture shows red where its box lies: on the shown picture in three of them, on the stored one in one."""
    given = content()
    settings = write(tmp_path / "set", given)
    shown = np.zeros((20, 40, 3), dtype=np.uint8)
    shown[4:12, 2:12] = (255, 0, 0)
    stored = {"0.png": (np.rot90(shown), 6), "1.png": (np.rot90(shown, 2), 3), "2.png": (shown, 8), "3.png": (shown, 1)}
    for name, (pixels, orientation) in stored.items():
        Image.fromarray(pixels).save(tmp_path / "set" / "train2017" / name, exif=exif(orientation))
    with caplog.at_level(logging.WARNING):
        data = open_coco(settings, 40, tmp_path / "cache")
    for index in range(4):
        x1, y1, x2, y2 = data.objects(index).boxes[0].astype(int)
        assert (data.images[index][:, y1:y2, x1:x2] == [[[255]], [[0]], [[0]]]).all()
    assert "3 pictures carry an EXIF orientation: 2 turned as viewers show them; 1 left as stored" in caplog.text


def test_deep_pictures_are_neither_black_nor_white(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    given = content()
    for row in given["images"]:
        row["height"], row["width"] = GREY.shape
    settings = write(tmp_path / "set", given)
    for n in range(4):
        (tmp_path / "set" / "train2017" / f"{n}.png").write_bytes(png16(GREY * (257, 16, 64, 1)[n]))
    with caplog.at_level(logging.WARNING):
        data = open_coco(settings, 30, tmp_path / "cache")
    for index in range(4):
        np.testing.assert_array_equal(data.images[index, 0, :20], GREY)
    assert "4 pictures have more than 8 bits a channel (mode I" in caplog.text


def test_a_set_that_is_opened_again_is_warned_of_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    given = content()
    for category in given["categories"]:
        category["name"] = "cat"
    given["annotations"][0]["bbox"] = [0.1, 0.1, 0.5, 0.5]
    given["annotations"][1].update(area=9000)
    given["annotations"][2]["bbox"] = [30, 10, 20, 20]
    settings = write(tmp_path / "set", given)
    Image.new("RGB", (40, 20)).save(tmp_path / "set" / "train2017" / "0.png", exif=exif(3))
    (tmp_path / "set" / "train2017" / "1.png").write_bytes(png16(np.zeros((20, 40), dtype=np.uint16)))
    said = []
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            open_coco(settings, 40, tmp_path / "cache")
        said.append(caplog.messages)
    assert said[0] == said[1]
    for words in ("EXIF orientation", "more than 8 bits", "are called 'cat'", "from 0 to 1", "area", "over the edge"):
        assert sum(words in sentence for sentence in said[0]) == 1, words


def test_headers_that_cannot_be_read_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = write(tmp_path / "set", content())
    with monkeypatch.context() as patch:
        patch.setattr(coco_check, "read_headers", lambda *_: {})
        with pytest.raises(
            DataError, match=r"2017\.json: 4 pictures could not be .* ago \(0\.png first\); try again\.$"
        ):
            open_coco(settings, 64, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*"))
    assert len(open_coco(settings, 64, tmp_path / "cache")) == 4


def test_a_large_picture_is_shrunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert len(opened(tmp_path, content())) == 4


def test_names_that_are_not_utf_8_are_read(tmp_path: Path) -> None:
    given = content()
    given["images"][2]["file_name"] = "caf\udce9.png"
    given["categories"][0]["name"] = "caf\udce9"
    settings = write(tmp_path / "set", given)
    folder = tmp_path / "set" / "train2017"
    try:
        (folder / "2.png").rename(os.fsdecode(bytes(folder) + b"/caf\xe9.png"))
    except OSError:
        pytest.skip("this disk takes names in UTF-8 alone")
    first, again = (open_coco(settings, 64, tmp_path / "cache") for _ in range(2))
    assert again.class_names == first.class_names == ("train", "caf\udce9")
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.images[2], first.images[2])


def test_a_wrong_size_is_said_beside_pictures_that_are_broken(tmp_path: Path) -> None:
    given = content()
    given["images"][1]["width"] = 2**31 - 1
    settings = write(tmp_path / "set", given)
    (tmp_path / "set" / "train2017" / "3.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"2 x broken image\): image 11: 1\.png is 40 x 20.*image 13: 3\.png cannot"):
        open_coco(settings, 64, tmp_path / "cache")


def test_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="test"):
        CocoSettings(str(tmp_path)).paths("test")


def test_a_fingerprint_outlives_the_layout_of_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = write(tmp_path / "set", content())
    before = open_coco(settings, 64, tmp_path / "cache").fingerprint
    monkeypatch.setattr(coco_source, "CACHE_VERSION", coco_source.CACHE_VERSION + 1)
    assert open_coco(settings, 64, tmp_path / "cache").fingerprint == before
    assert len(list((tmp_path / "cache").iterdir())) == 2, "a cache of another layout is not read"


REAL = os.environ.get("SPINENET_TEST_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="SPINENET_TEST_DATA is not set to a folder with coco128 and bccd")


@needs_real
def test_real_sets(tmp_path: Path) -> None:
    root = Path(str(REAL))
    cells = {"train_images": "train", "train_annotations": "annotations/instances_train.json"}
    bccd = open_data({"kind": "coco", "root": str(root / "bccd"), **cells}, 96, tmp_path)
    assert (len(bccd), len(bccd.class_names)) == (292, 3)
    assert len(reserve(bccd).reserved) == 73
    assert bccd.fingerprint == "e3fa463582ca4e26", "results/bccd/record.db names it"
    coco128 = open_data({"kind": "coco", "root": str(root / "coco128")}, 96, tmp_path)
    assert (len(coco128), len(coco128.class_names)) == (128, 80)
    assert coco128.annotations.boxes.min() >= 0
    assert coco128.annotations.boxes.max() <= 96.001
    assert bccd.annotations.masks is None


@needs_real
def test_real_masks_are_those_of_pycocotools(tmp_path: Path) -> None:
    file = Path(str(REAL)) / "coco128" / "annotations" / "masks_train2017.json"
    settings = {"kind": "coco", "root": f"{REAL}/coco128", "train_annotations": f"annotations/{file.name}"}
    data = open_data(settings, 256, tmp_path)
    reference = COCO(str(file))
    gaps = []
    for index, image in enumerate(reference.dataset["images"]):
        masks, objects = data.original_objects(index).masks, data.objects(index)
        rows = reference.loadAnns(reference.getAnnIds(image["id"]))
        assert masks is not None
        assert objects.masks is not None
        assert masks.encoded() == [reference.annToRLE(row) for row in rows]
        bitmaps = objects.masks.decode()
        seen = bitmaps.any(axis=(1, 2))
        gaps.append(np.abs(masks_as_boxes(bitmaps[seen]) - objects.boxes[seen]).max(axis=1, initial=0))
    assert np.median(np.concatenate(gaps)) < 1, "in pixels, between the sides of a box and of its mask"
