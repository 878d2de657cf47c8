"""A COCO-format data set: what is read, what is cleaned, and every fault said in a sentence before any training."""

import copy
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.datasets import coco
from nas.datasets.augment import MEAN_COLOUR
from nas.datasets.coco import CocoSettings, open_coco
from nas.datasets.dataset import DetectionData, reserve
from nas.datasets.registry import open_data
from search_spaces.errors import ConfigError, DataError

CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 7, "name": "train"}]


def content() -> dict[str, Any]:
    """Four images of 40 x 20 pixels with a box or two each."""
    images = [{"id": 10 + n, "file_name": f"{n}.png", "width": 40, "height": 20} for n in range(4)]
    annotations = [
        {"id": 100 + n, "image_id": 10 + n % 4, "category_id": (7, 90)[n % 2], "bbox": [2, 4, 10, 8]} for n in range(6)
    ]
    return {"images": images, "annotations": annotations, "categories": copy.deepcopy(CATEGORIES)}


def write(root: Path, data: Any) -> CocoSettings:
    """A data set of four plain images with ``data`` as its annotation file."""
    folder = root / "train2017"
    folder.mkdir(parents=True)
    for n in range(4):
        Image.new("RGB", (40, 20), (50 * n, 100, 200)).save(folder / f"{n}.png")
    (root / "annotations").mkdir()
    text = data if isinstance(data, str) else json.dumps(data)
    (root / "annotations" / "instances_train2017.json").write_text(text)
    return CocoSettings(str(root))


def opened(tmp_path: Path, data: Any, image_size: int = 80) -> DetectionData:
    return open_coco(write(tmp_path / "set", data), image_size, tmp_path / "cache")


def test_reads_resizes_and_labels_by_sorted_id(tmp_path: Path) -> None:
    data = opened(tmp_path, content())
    assert data.images.shape == (4, 3, 80, 80)
    assert data.images.dtype == np.uint8
    assert data.class_names == ("train", "toothbrush")
    assert tuple(data.images[2, :, 20, 20]) == (100, 100, 200)
    assert tuple(data.images[2, :, 60, 20]) == MEAN_COLOUR
    boxes, labels = data.objects(0)
    np.testing.assert_allclose(boxes, [[4, 8, 24, 24], [4, 8, 24, 24]])
    assert labels.tolist() == [1, 1]
    assert data.objects(1)[1].tolist() == [2, 2]
    np.testing.assert_allclose(data.annotations.scales, 2)
    np.testing.assert_allclose(data.annotations.areas, 80)


def test_second_opening_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = write(tmp_path / "set", content())
    first = open_coco(settings, 64, tmp_path / "cache")
    monkeypatch.setattr(coco, "decode", None)
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


def change(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """A function that sets one entry of the annotation file."""

    def apply(data: dict[str, Any]) -> None:
        place: Any = data
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return apply


FAULTS = {
    "missing image": (change("images", 1, "file_name", value="gone.png"), r"1 x missing image.*image 11.*gone\.png"),
    "box outside": (change("annotations", 2, "bbox", value=[50, 2, 5, 5]), r"box outside.*annotation 102.*40 x 20"),
    "unknown category": (change("annotations", 3, "category_id", value=8), r"unknown category.*annotation 103.*8"),
    "unknown image": (change("annotations", 3, "image_id", value=99), r"unknown image.*annotation 103.*99"),
    "duplicate image id": (change("images", 1, "id", value=10), r"duplicate id.*images\[1\].*10"),
    "duplicate annotation id": (change("annotations", 4, "id", value=100), r"duplicate id.*annotations\[4\].*100"),
    "duplicate category id": (change("categories", 1, "id", value=90), r"duplicate id.*categories\[1\].*90"),
    "duplicate file": (change("images", 1, "file_name", value="0.png"), r"duplicate file.*10 and 11.*0\.png"),
    "no file name": (change("images", 0, "file_name", value=""), r"wrong structure.*images\[0\].*file_name ''"),
    "image size": (change("images", 0, "width", value=0), r"wrong structure.*images\[0\].*0 x 20"),
    "size of the file": (change("images", 0, "width", value=41), r"broken image.*image 10.*40 x 20.*41 x 20"),
    "box of three": (change("annotations", 0, "bbox", value=[1, 2, 3]), r"wrong structure.*annotations\[0\].*bbox"),
    "negative box": (change("annotations", 0, "bbox", value=[5, 5, -2, 3]), r"annotations\[0\].*negative"),
    "box not finite": (change("annotations", 0, "bbox", value=[5, 5, float("nan"), 3]), r"annotations\[0\].*finite"),
    "category without name": (change("categories", 0, "name", value=None), r"categories\[0\].*name None"),
    "entry not an object": (change("images", 2, value="2.png"), r"images\[2\].*not an object"),
    "id not an integer": (change("images", 2, "id", value="12"), r"images\[2\].*'12'; an integer"),
    "crowd flag": (change("annotations", 0, "iscrowd", value=2), r"annotations\[0\].*iscrowd 2"),
    "area": (change("annotations", 0, "area", value="big"), r"annotations\[0\].*area 'big'"),
    "no annotations": (change("annotations", value=[]), r"empty annotations"),
    "no images": (change("images", value=[]), r"empty images"),
    "no categories": (change("categories", value=[]), r"empty categories"),
    "annotations missing": (change("annotations", value=None), r"wrong structure.*'annotations'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_said_with_file_and_entry(tmp_path: Path, fault: str) -> None:
    spoil, pattern = FAULTS[fault]
    data = content()
    spoil(data)
    with pytest.raises(DataError, match=pattern) as caught:
        opened(tmp_path, data)
    sentence = str(caught.value)
    assert "instances_train2017.json" in sentence
    assert "\n" not in sentence
    assert not list((tmp_path / "cache").glob("*")), "nothing may be left behind"


def test_only_zero_area_boxes(tmp_path: Path) -> None:
    data = content()
    for row in data["annotations"]:
        row["bbox"] = [2, 2, 0, 5]
    with pytest.raises(DataError, match=r"no usable box.*6 annotations"):
        opened(tmp_path, data)


@pytest.mark.parametrize("text", ['{"images": [', "[]", "\udcff"], ids=["torn", "list", "binary"])
def test_wrong_json(tmp_path: Path, text: str) -> None:
    settings = write(tmp_path / "set", "{}")
    file = tmp_path / "set" / "annotations" / "instances_train2017.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"instances_train2017\.json (is not JSON|has the wrong structure)"):
        open_coco(settings, 64, tmp_path / "cache")


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
    assert not list((tmp_path / "cache").iterdir())


def test_many_faults_are_counted_by_kind_and_cut_off(tmp_path: Path) -> None:
    data = content()
    for row in data["annotations"]:
        row["category_id"] = 3
    data["images"][0]["file_name"] = "gone.png"
    with pytest.raises(DataError, match=r"7 problems \(1 x missing image, 6 x unknown category\).*and 2 more\.$"):
        opened(tmp_path, data)


def test_what_is_cleaned_is_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = content()
    data["annotations"][0].update(bbox=[30, 10, 20, 20])
    data["annotations"][1].update(bbox=[5, 5, 0, 8])
    data["annotations"][5].update(bbox=[5, 5, 8, 0])
    data["annotations"][2].update(iscrowd=1)
    with caplog.at_level(logging.WARNING):
        result = opened(tmp_path, data)
    assert "1 boxes that reach over the edge" in caplog.text
    assert "2 boxes of zero area" in caplog.text
    assert "1 crowd regions" in caplog.text
    assert "1 images without a box" in caplog.text
    np.testing.assert_allclose(result.objects(0)[0][0], [60, 20, 80, 40])
    assert len(result.objects(1)[0]) == 0
    assert len(result.objects(2)[0]) == 0
    assert result.annotations.crowd.sum() == 1


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
        ({"kind": "cocoa"}, r"'cocoa' \(did you mean 'coco'\?\); there are: coco, synthetic"),
        ({"kind": "coco"}, r"data\.root is not set"),
        ({"kind": "coco", "root": ".", "train_image": "x"}, r"'train_image' \(did you mean 'train_images'\?\)"),
        ({"kind": "synthetic", "image": 5}, r"'image' \(did you mean 'images'\?\)"),
    ],
)
def test_unknown_settings(settings: dict[str, str], pattern: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=pattern):
        open_data(settings, 64, tmp_path)


def test_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="test"):
        CocoSettings(str(tmp_path)).paths("test")


REAL = os.environ.get("SPINENET_TEST_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="SPINENET_TEST_DATA is not set to a folder with coco128 and bccd")


@needs_real
def test_real_sets(tmp_path: Path) -> None:
    root = Path(str(REAL))
    cells = {"train_images": "train", "train_annotations": "annotations/instances_train.json"}
    bccd = open_data({"kind": "coco", "root": str(root / "bccd"), **cells}, 96, tmp_path)
    assert (len(bccd), len(bccd.class_names)) == (292, 3)
    assert len(reserve(bccd).reserved) == 73
    coco128 = open_data({"kind": "coco", "root": str(root / "coco128")}, 96, tmp_path)
    assert (len(coco128), len(coco128.class_names)) == (128, 80)
    assert coco128.annotations.boxes.min() >= 0
    assert coco128.annotations.boxes.max() <= 96.001
