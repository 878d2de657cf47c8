"""An annotation file is checked before any training: every fault in a sentence, and what is cleaned with a count."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.datasets.coco import open_coco
from search_spaces.errors import DataError
from tests.datasets.coco_support import content, opened, write


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
    "file under two spellings": (
        change("images", 1, "file_name", value="./0.png"),
        r"duplicate file.*10 and 11.*0\.png, the second as \./0\.png",
    ),
    "file name too long": (change("images", 1, "file_name", value="x" * 300), r"missing image.*image 11.*xxx"),
    "file name with NUL": (change("images", 1, "file_name", value="1\0.png"), r"missing image.*image 11.*1\\x00\.png"),
    "file name with a surrogate": (
        change("images", 1, "file_name", value="1\ud83d.png"),
        r"missing image.*image 11.*1\\ud83d\.png",
    ),
    "400 digits": (change("annotations", 0, "area", value=10**400), r"annotations\[0\] has area 1000.*finite"),
    "image size": (change("images", 0, "width", value=0), r"wrong structure.*images\[0\].*0 x 20"),
    "size of the file": (change("images", 0, "width", value=41), r"broken image.*image 10.*40 x 20.*41 x 20"),
    "box of three": (change("annotations", 0, "bbox", value=[1, 2, 3]), r"wrong structure.*annotations\[0\].*bbox"),
    "negative box": (change("annotations", 0, "bbox", value=[5, 5, -2, 3]), r"annotations\[0\].*negative"),
    "box not finite": (change("annotations", 0, "bbox", value=[5, 5, float("nan"), 3]), r"annotations\[0\].*finite"),
    "box too large": (change("annotations", 0, "bbox", value=[5, 5, 10**400, 3]), r"annotations\[0\].*finite"),
    "category without name": (change("categories", 0, "name", value=None), r"categories\[0\].*name None"),
    "entry not an object": (change("images", 2, value="2.png"), r"images\[2\].*not an object"),
    "id not an integer": (change("images", 2, "id", value="12"), r"images\[2\].*'12'; it must be an integer"),
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
    np.testing.assert_allclose(result.objects(0).boxes[0], [60, 20, 80, 40])
    assert len(result.objects(1)) == 0
    assert len(result.objects(2)) == 1
    assert len(result.objects(2).trainable()) == 0
    assert result.annotations.crowd.sum() == 1


def test_areas_that_contradict_their_boxes_are_counted_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = content()
    for row, area in zip(data["annotations"], (-1, 0, 1e12, 40, 80, -1)):
        row["area"] = area
    data["annotations"][5]["segmentation"] = [[2, 4, 12, 4, 12, 8, 2, 8]]
    with caplog.at_level(logging.WARNING):
        result = opened(tmp_path, data)
    assert "4 areas that contradict their box were taken from the mask, or from the box" in caplog.text
    # rows are by image: annotations 0 and 4, 1 and 5, 2, 3
    assert result.annotations.areas.tolist() == [80, 80, 80, 40, 80, 40]


def test_doubts_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = content()
    for row in data["categories"]:
        row["name"] = "train"
    data["annotations"][2]["bbox"] = [0.25, 0.25, 0.5, 0.5]
    with caplog.at_level(logging.WARNING):
        result = opened(tmp_path, data)
    assert "2 categories are called 'train' (ids 90, 7); each is a class of its own." in caplog.text
    assert "1 of 6 boxes consist of numbers from 0 to 1" in caplog.text
    assert result.class_names == ("train", "train")


def test_segmentations_that_cannot_be_read_cost_the_mask_and_not_the_object(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = content()
    square = [2, 4, 12, 4, 12, 12, 2, 12]
    given: list[Any] = [[square], [square, [1, 2, 3, 4]], "mask", [[1, 2, "x", 4, 5, 6]], square, [[]]]
    for row, segmentation in zip(data["annotations"], given):
        row["segmentation"] = segmentation
    with caplog.at_level(logging.WARNING):
        result = opened(tmp_path, data)
    assert "1 segmentations were left out: neither a list of polygons nor an object of run lengths" in caplog.text
    assert "1 segmentations were left out: polygons of something else than numbers" in caplog.text
    assert "1 segmentations were left out: polygons that are not an even number" in caplog.text
    assert "2 segmentations lost a polygon of fewer than three points" in caplog.text
    assert len(result.annotations.boxes) == 6
    packed = result.annotations.masks
    assert packed is not None
    # rows are by image: annotations 0 and 4, 1 and 5, 2, 3
    assert packed.of(slice(0, 6), (80, 80)).present.tolist() == [True, False, True, False, False, False]
