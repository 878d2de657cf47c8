"""Lines of YOLO's label files: boxes, polygons, and every fault with its file and line."""

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.datasets.registry import open_data
from nas.datasets.square import SquareData
from search_spaces.errors import DataError
from tests.datasets.layout_support import picture, text, ultralytics
from tests.datasets.picture_support import exif

GOOD = "0 0.5 0.5 0.25 0.5\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    ultralytics(tmp_path / "set")
    return tmp_path / "set"


def opened(root: Path, **settings: object) -> SquareData:
    data = open_data({"kind": "folder", "root": str(root), **settings}, 40, root.parent / "cache")
    assert isinstance(data, SquareData)
    return data


FAULTS = {
    "columns": ("0 0.5 0.5 0.5", "wrong number of columns", r"has 4 columns; it must have 5 for a box"),
    "score": ("0 0.5 0.5 0.5 0.5 0.9", "wrong number of columns", "has 6 columns"),
    "two points": ("0 0.5 0.5 0.5 0.5 0.9 0.1 0.1", "wrong number of columns", "has 8 columns"),
    "class outside": ("2 0.5 0.5 0.5 0.5", "unknown category", "has class 2; there are those from 0 to 1"),
    "class below": ("-1 0.5 0.5 0.5 0.5", "unknown category", "has class -1"),
    "class name": ("cat 0.5 0.5 0.5 0.5", "wrong structure", "begins with 'cat'; it must be the index of a class"),
    "class part": ("0.5 0.5 0.5 0.5 0.5", "wrong structure", r"begins with '0\.5'"),
    "no number": ("0 0,5 0.5 0.5 0.5", "wrong structure", "has '0,5'; it must be a finite number"),
    "nan": ("0 nan 0.5 0.5 0.5", "wrong structure", "has 'nan'"),
    "pixels": ("0 20 10 10 8", "not from 0 to 1", "has '20', which is not from 0 to 1; shares of .* no pixels"),
    "negative": ("0 0.5 -0.5 0.5 0.5", "not from 0 to 1", r"has '-0\.5', which is not from 0 to 1"),
    "inverted": ("0 0.5 0.5 0.5 -0.005", "wrong structure", "width and height must not be negative"),
    "polygon": ("0 0.1 0.1 0.5 0.1 0.5 1.5", "not from 0 to 1", r"has '1\.5'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_line_is_named_or_dropped(root: Path, fault: str) -> None:
    line, kind, sentence = FAULTS[fault]
    text(root / "labels" / "train" / "b.txt", f"{GOOD}\n{line}\n{GOOD}")
    with pytest.raises(DataError, match=rf"1 problem \(1 x {kind}\): labels/train/b\.txt, line 3 .*{sentence}"):
        opened(root)
    data = opened(root, faults="drop", max_dropped=0.5)
    assert len(data.objects(1)) == 2
    assert data.about.dropped is not None
    (entry,) = data.about.dropped.entries
    assert (entry.kind, entry.picture, entry.entry) == (kind, "images/train/b.png", "labels/train/b.txt, line 3")


def test_a_polygon_is_a_box_and_a_mask(root: Path) -> None:
    text(root / "labels" / "train" / "a.txt", "1 0.25 0.5 0.75 0.5 0.75 1 0.25 1\n")
    objects = opened(root).original_objects(0)
    assert objects.boxes.tolist() == [[10, 10, 30, 20]]
    assert objects.masks is not None
    expected = np.zeros((20, 40), dtype=bool)
    expected[10:20, 10:30] = True
    np.testing.assert_array_equal(objects.masks.decode()[0], expected)


def test_a_little_over_the_edge_is_rounding(root: Path) -> None:
    text(root / "labels" / "train" / "a.txt", "0.0 1.005 0.5 0.25 0.5\n")
    assert opened(root).original_objects(0).boxes.tolist() == [[pytest.approx(35.2), 5, 40, 15]]


def test_shares_are_of_the_picture_as_shown(root: Path) -> None:
    """A picture that its EXIF orientation turns: Ultralytics' labels are about the turned one."""
    (root / "images" / "train" / "a.png").unlink()
    Image.new("RGB", (40, 20)).save(root / "images" / "train" / "a.jpg", exif=exif(6))
    text(root / "labels" / "train" / "a.txt", "0 0.5 0.5 0.5 0.25\n")
    data = opened(root)
    assert data.original_size(0) == (40, 20)
    assert data.original_objects(0).boxes.tolist() == [[5, 15, 15, 25]]


def test_a_label_file_without_a_picture(root: Path) -> None:
    text(root / "labels" / "train" / "gone.txt", GOOD)
    text(root / "labels" / "train" / "classes.txt", "cat\n")
    with pytest.raises(
        DataError, match=r"1 x missing image\): labels/train/gone\.txt is a label file, and there is no"
    ):
        opened(root)
    data = opened(root, faults="drop", max_dropped=0.5)
    assert len(data) == 3
    assert data.about.dropped is not None
    assert (data.about.dropped.pictures, data.about.dropped.of_pictures) == (1, 4)


def test_a_broken_picture(root: Path) -> None:
    text(root / "images" / "train" / "b.png", "no picture")
    with pytest.raises(DataError, match=r"1 x broken image\): .*b\.png cannot be decoded"):
        opened(root)
    data = opened(root, faults="drop", max_dropped=0.5)
    assert [len(data.objects(index)) for index in range(len(data))] == [2, 0]


def test_pictures_without_a_file_are_said(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "labels" / "train" / "c.txt").unlink()
    with caplog.at_level(logging.WARNING):
        opened(root)
    assert "1 picture without a label file" in caplog.text


def test_no_labels_at_all(root: Path) -> None:
    (root / "labels").rename(root / "label")
    with pytest.raises(
        DataError, match=r"none of 3 pictures has a label file; that of images/train/a\.png would be labels"
    ):
        opened(root)


def test_no_pictures_at_all(root: Path) -> None:
    for path in (root / "images" / "train").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"data\.yaml: there is no picture in .*images/train"):
        opened(root)


def test_a_list_with_paths_of_another_machine(root: Path) -> None:
    text(root / "train.txt", "C:\\work\\images\\train\\a.png\n\n/home/me/images/train/b.png\nimages/train/gone.png\n")
    text(root / "data.yaml", "names: [a, b]\ntrain: train.txt\n")
    with pytest.raises(DataError, match=r"1 problem \(1 x missing image\).*images/train/gone\.png"):
        opened(root)


def test_a_changed_label_is_seen_and_the_same_one_is_not(root: Path) -> None:
    first = opened(root).fingerprint
    text(root / "labels" / "train" / "b.txt", (root / "labels" / "train" / "b.txt").read_text())
    assert opened(root).fingerprint == first
    text(root / "labels" / "train" / "b.txt", GOOD)
    assert opened(root).fingerprint != first


def test_pictures_of_any_ending(root: Path) -> None:
    picture(root / "images" / "train" / "sub" / "f.png")
    (root / "images" / "train" / "sub" / "f.png").rename(root / "images" / "train" / "sub" / "f.PNG")
    text(root / "labels" / "train" / "sub" / "F.txt", GOOD)
    data = opened(root)
    assert [len(data.objects(index)) for index in range(len(data))] == [2, 1, 0, 1]
