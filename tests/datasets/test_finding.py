"""Each tool's export is found by itself and read as the same data set; what cannot be found is said with a way on."""

import logging
from pathlib import Path

import numpy as np
import pytest

from nas.datasets.finding import FINDERS, find_layout
from nas.datasets.registry import open_data
from search_spaces.errors import ConfigError, DataError
from tests.datasets import layout_support
from tests.datasets.coco_support import content, write
from tests.datasets.layout_support import LAYOUTS, NAMES, ONLY_TRAIN, SPLITS, coco_2017, text, ultralytics, voc_devkit

FORMATS = {**dict.fromkeys(LAYOUTS, "coco"), **dict.fromkeys(("voc_devkit", "roboflow_voc", "labelimg"), "voc")}
FORMATS |= dict.fromkeys(("ultralytics", "roboflow_yolo", "cvat_yolo", "label_studio_yolo", "darknet"), "yolo")


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_export_is_read_as_the_same_data_set(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "set"
    LAYOUTS[name](root)
    assert find_layout(root).format == FORMATS[name]
    for split in ("train",) if name in ONLY_TRAIN else ("train", "val"):
        with caplog.at_level(logging.INFO):
            data = open_data({"kind": "folder", "root": str(root)}, 40, tmp_path / "cache", split)
        assert "data set " in caplog.text
        assert ": train from " in caplog.text
        assert data.class_names == NAMES
        assert len(data) == len(SPLITS[split])
        for index, boxes in enumerate(SPLITS[split].values()):
            objects = data.original_objects(index)
            assert data.original_size(index) == (20, 40)
            assert objects.labels.tolist() == [label + 1 for label, _ in boxes]
            np.testing.assert_allclose(objects.boxes.reshape(-1, 4), np.reshape([box for _, box in boxes], (-1, 4)))
        again = open_data({"kind": "folder", "root": str(root)}, 40, tmp_path / "cache", split)
        assert again.fingerprint == data.fingerprint


@pytest.mark.parametrize("name", ONLY_TRAIN)
def test_a_split_that_is_not_there(tmp_path: Path, name: str) -> None:
    LAYOUTS[name](tmp_path / "set")
    with pytest.raises(DataError, match=r"has no val split; it is .*: train from .*python -m nas\.data split makes"):
        open_data({"kind": "folder", "root": str(tmp_path / "set")}, 40, tmp_path / "cache", "val")


@pytest.mark.parametrize("name", ["roboflow_coco", "ultralytics", "voc_devkit"])
def test_a_copy_is_the_same_set_and_a_change_is_seen(tmp_path: Path, name: str) -> None:
    found = []
    for copy in ("one", "two", "three"):
        root = tmp_path / copy
        LAYOUTS[name](root)
        if copy == "three":
            layout_support.Image.new("RGB", (40, 20)).save(next(root.rglob("b.png")))
        found.append(open_data({"kind": "folder", "root": str(root)}, 40, tmp_path / "cache").fingerprint)
    assert found[0] == found[1] != found[2]


def test_nothing_is_found(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data set was found in .*Looked for: COCO JSON .*YOLO .*Pascal VOC .*\.$"):
        find_layout(tmp_path)
    with pytest.raises(DataError, match=r"data root .*nowhere is not a folder"):
        find_layout(tmp_path / "nowhere")


def test_the_folder_above_names_the_right_one(tmp_path: Path) -> None:
    voc_devkit(tmp_path / "VOCdevkit" / "VOC2012")
    with pytest.raises(
        DataError, match=r"no data set was found in .*There is one in .*VOC2012: give data\.root=.*2012"
    ):
        find_layout(tmp_path)


def test_two_formats_are_a_question(tmp_path: Path) -> None:
    coco_2017(tmp_path)
    ultralytics(tmp_path)
    with pytest.raises(
        DataError,
        match=r"more than one data set: COCO JSON: train from annotations/instances_train2017\.json, val .*; "
        r"YOLO \(data\.yaml\): train from images/train.*choose with data\.format=coco or yolo",
    ):
        find_layout(tmp_path)
    for wanted in ("coco", "yolo"):
        assert find_layout(tmp_path, wanted).format == wanted
    with pytest.raises(DataError, match="Looked for: Pascal VOC"):
        find_layout(tmp_path, "voc")


def test_two_files_of_one_split_are_a_question(tmp_path: Path) -> None:
    coco_2017(tmp_path)
    other = tmp_path / "annotations" / "instances_train2014.json"
    text(other, (tmp_path / "annotations" / "instances_train2017.json").read_bytes())
    with pytest.raises(DataError, match=r"more than one data set: .*train2014.*train2017.*data=coco"):
        find_layout(tmp_path)


def test_coco_that_is_not_there_names_what_is(tmp_path: Path) -> None:
    ultralytics(tmp_path / "set")
    with pytest.raises(
        DataError, match=r"train2017 is not there.*another layout, YOLO .*: data=folder data\.root=.*set reads it\."
    ):
        open_data({"kind": "coco", "root": str(tmp_path / "set")}, 40, tmp_path / "cache")


def test_coco_that_is_there_is_the_same_set_either_way(tmp_path: Path) -> None:
    root = write(tmp_path / "set", content()).root
    found = {open_data({"kind": kind, "root": root}, 40, tmp_path / "cache").fingerprint for kind in ("coco", "folder")}
    assert len(found) == 1


def test_settings(tmp_path: Path) -> None:
    assert set(FINDERS) == {"coco", "yolo", "voc"}
    with pytest.raises(ConfigError, match=r"data\.format is 'csv'; it must be one of: null, coco, yolo, voc"):
        open_data({"kind": "folder", "root": str(tmp_path), "format": "csv"}, 40, tmp_path)
    with pytest.raises(ConfigError, match=r"data\.root is not set"):
        open_data({"kind": "folder"}, 40, tmp_path)
