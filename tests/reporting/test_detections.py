"""What was found as files: COCO JSON that pycocotools reads, CSV, drawn pictures that overwrite nothing."""

import contextlib
import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from nas.datasets.masks import encode_masks
from nas.detecting import Broken, Found, PictureFile
from nas.reporting.detections import as_row, drawn_path, only_labels, save_drawn, write_detections
from search_spaces.errors import FileError

NAMES = ("a, <b>", "日本 \ud800")


def found(folder: Path, name: str = "deep/x.png", size: tuple[int, int] = (30, 40)) -> Found:
    path = folder / "in" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size[1], size[0])).save(path)
    bitmaps = np.zeros((2, *size), dtype=bool)
    bitmaps[0, 5:10, 5:10] = bitmaps[1, 3:20, 1:9] = True
    return Found(
        PictureFile(path, name),
        size,
        np.asarray([[5, 5, 10, 10], [1, 3, 9, 20.5]], dtype=np.float32),
        np.asarray([0.75, 0.5], dtype=np.float32),
        np.asarray([2, 1]),
        [{"size": list(size), "counts": counts} for counts in encode_masks(bitmaps)],
    )


def test_pycocotools_reads_what_is_written(tmp_path: Path) -> None:
    rows = [
        as_row(found(tmp_path)),
        as_row(only_labels(found(tmp_path, "y.png"), [1])),
        as_row(found(tmp_path, "z.png")),
    ]
    coco, table = write_detections(rows, NAMES, tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        read = COCO(str(coco))
    assert [image["file_name"] for image in read.dataset["images"]] == ["deep/x.png", "y.png", "z.png"]
    assert [row["name"] for row in read.dataset["categories"]] == list(NAMES)
    annotations = read.loadAnns(read.getAnnIds())
    assert [row["id"] for row in annotations] == [1, 2, 3, 4, 5]
    assert annotations[0]["bbox"] == [5, 5, 5, 5]
    assert read.annToMask(annotations[0]).sum() == 25
    assert [row["category_id"] for row in read.loadAnns(read.getAnnIds(imgIds=[2]))] == [1]
    with table.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["class"] for line in lines] == ["日本 \ufffd", NAMES[0], NAMES[0], "日本 \ufffd", NAMES[0]]
    assert lines[1]["y2"] == "20.50"


def test_nothing_found_is_a_file_too(tmp_path: Path) -> None:
    coco, table = write_detections([], NAMES, tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        assert COCO(str(coco)).getAnnIds() == []
    assert table.read_text().splitlines() == ["file,class,score,x1,y1,x2,y2"]


def test_a_broken_picture_has_its_reason() -> None:
    broken = Broken(PictureFile(Path("x"), "x"), "x is no picture")
    assert as_row(broken) == {"file": "x", "broken": "x is no picture"}


@pytest.mark.parametrize("name", ["x.png", "deep/x.jpg", "deep/er/x.JPEG", "x.tif", "x.gif"])
def test_a_drawn_picture_lies_where_it_came_from(tmp_path: Path, name: str) -> None:
    save_drawn(found(tmp_path, name), NAMES, tmp_path)
    path = drawn_path(tmp_path, name)
    with Image.open(path) as picture:
        assert max(picture.size) >= 480
        assert np.asarray(picture.convert("RGB")).any()
    assert path.is_relative_to(tmp_path / "pictures" / Path(name).parent)


def test_no_two_pictures_share_a_place() -> None:
    names = ["x.png", "x.jpg", "x.tif", "a/x.png", "X.png"]
    assert len({drawn_path(Path(), name) for name in names}) == len(names)


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "pictures").write_text("a file")
    with pytest.raises(FileError, match="pictures"):
        save_drawn(found(tmp_path), NAMES, tmp_path)
