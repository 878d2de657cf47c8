"""Pascal VOC's XML: pictures found whatever the file says of them, and every fault with its file and object."""

import logging
import os
from pathlib import Path

import pytest

from nas.datasets.finding import find_layout
from nas.datasets.registry import open_data
from nas.datasets.square import SquareData
from search_spaces.errors import DataError
from tests.datasets.layout_support import picture, roboflow_voc, text, voc, voc_devkit

BOX = (0, (2, 4, 12, 12))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    voc_devkit(tmp_path / "set")
    return tmp_path / "set"


def opened(root: Path, **settings: object) -> SquareData:
    data = open_data({"kind": "folder", "root": str(root), **settings}, 40, root.parent / "cache")
    assert isinstance(data, SquareData)
    return data


def xml(root: Path, content: str | bytes) -> Path:
    return text(root / "Annotations" / "b.xml", content)


GOOD = voc("b.png", [(1, (0, 0, 8, 10))])
FAULTS = {
    "torn": (GOOD[:-20], "broken annotation", r"Annotations/b\.xml is no XML \(", 1),
    "another format": ("<annotations/>", "broken annotation", r"b\.xml begins with <annotations>", 1),
    "no name": (GOOD.replace("dög", ""), "wrong structure", r"b\.xml, object 1 has no name", 0),
    "no number": (GOOD.replace("<xmax>8<", "<xmax>x<"), "wrong structure", r"object 1 has xmax 'x' in bndbox", 0),
    "nan": (GOOD.replace("<xmax>8<", "<xmax>nan<"), "wrong structure", r"object 1 has xmax 'nan'", 0),
    "no box": (GOOD.replace("bndbox", "robndbox"), "wrong structure", r"object 1 has xmin '' in bndbox", 0),
    "inverted": (GOOD.replace("<xmin>0<", "<xmin>9<"), "wrong structure", r"from \(9, 0\) to \(8, 10\); xmin, ymin", 0),
    "outside": (
        GOOD.replace("<xmin>0<", "<xmin>50<").replace("<xmax>8<", "<xmax>60<"),
        "box outside",
        r"b\.xml, object 1 has bbox .* outside its 40 x 20",
        0,
    ),
    "another size": (
        GOOD.replace("<width>40<", "<width>41<"),
        "broken image",
        "is 40 x 20 pixels, its entry says 41",
        1,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_or_dropped(root: Path, fault: str) -> None:
    content, kind, sentence, pictures = FAULTS[fault]
    xml(root, content)
    with pytest.raises(DataError, match=rf"1 problem \(1 x {kind}\): .*{sentence}"):
        opened(root)
    data = opened(root, faults="drop", max_dropped=0.5)
    assert len(data) == 3 - pictures
    assert data.about.dropped is not None
    assert data.about.dropped.entries[0].kind == kind


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("declared", [True, False])
def test_encodings(root: Path, encoding: str, declared: bool) -> None:
    """What is declared is believed where it can be; a Latin-1 file that is called UTF-8 is read as Latin-1."""
    name = "UTF-8" if encoding.startswith("utf-8") or encoding == "latin-1" else encoding
    start = f'<?xml version="1.0" encoding="{name}"?>\n' if declared else ""
    xml(root, (start + GOOD).encode(encoding))
    assert opened(root).class_names == ("cat", "dög")


@pytest.mark.parametrize(
    "size", ["", "<size><width>0</width><height>0</height></size>", "<size><width>a</width></size>"]
)
def test_without_a_size_the_picture_s_is_taken(root: Path, size: str, caplog: pytest.LogCaptureFixture) -> None:
    whole = "<size><width>40</width><height>20</height><depth>3</depth></size>"
    xml(root, GOOD.replace(whole, size))
    with caplog.at_level(logging.WARNING):
        assert opened(root).original_size(1) == (20, 40)
    assert "no size stands in 1 XML file" in caplog.text


@pytest.mark.parametrize("name", ["b.PNG", "C:\\Users\\me\\b.png", "/home/me/other.jpg", "b", "", "a.png"])
def test_a_picture_is_found_by_the_name_of_the_xml(root: Path, name: str) -> None:
    xml(root, GOOD.replace("<filename>b.png<", f"<filename>{name}<"))
    assert [len(opened(root).objects(index)) for index in range(3)] == [2, 1, 0]


def test_a_picture_is_found_by_its_file_name(root: Path) -> None:
    os.rename(root / "JPEGImages" / "b.png", root / "JPEGImages" / "Photo 7.PNG")
    xml(root, GOOD.replace("<filename>b.png<", "<filename>D:\\p\\photo 7.jpg<"))
    assert len(opened(root)) == 3


def test_a_picture_that_is_not_there(root: Path) -> None:
    (root / "JPEGImages" / "b.png").unlink()
    with pytest.raises(DataError, match=r"1 x missing image\): image 2: there is no file .*JPEGImages/b\.png"):
        opened(root)
    xml(root, voc("b.png", [(1, (0, 0, 8, 10))], size=False))
    with pytest.raises(DataError, match=r"1 x missing image\): Annotations/b\.xml has no picture whose size"):
        opened(root)
    data = opened(root, faults="drop", max_dropped=0.5)
    assert data.about.dropped is not None
    assert [entry.kind for entry in data.about.dropped.entries] == ["missing image", "picture dropped"]


def test_a_name_of_the_list_without_xml(root: Path) -> None:
    (root / "Annotations" / "b.xml").unlink()
    with pytest.raises(DataError, match=r"1 x missing annotation\): Annotations/b\.xml is not there"):
        opened(root)


def test_classes_are_those_of_all_splits(root: Path) -> None:
    text(root / "Annotations" / "a.xml", voc("a.png", [BOX]))
    xml(root, voc("b.png", []))
    assert opened(root).class_names == ("cat", "dög"), "the second one is in val alone"


@pytest.mark.parametrize("name", ["trainval", "default"])
def test_one_list_is_train(root: Path, name: str) -> None:
    lists = root / "ImageSets" / "Main"
    for path in lists.iterdir():
        path.unlink()
    text(lists / f"{name}.txt", "a 1\r\nc -1\r\n\r\n")
    assert find_layout(root).parts.keys() == {"train"}
    assert len(opened(root)) == 2


def test_pictures_without_xml_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    roboflow_voc(tmp_path / "set")
    picture(tmp_path / "set" / "train" / "z.png")
    with caplog.at_level(logging.WARNING):
        assert len(opened(tmp_path / "set")) == 3
    assert "1 picture without an XML file" in caplog.text


def test_difficult_objects_are_said(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    xml(root, GOOD.replace("<difficult>0", "<difficult>1"))
    with caplog.at_level(logging.WARNING):
        opened(root)
    assert "1 object marked difficult" in caplog.text


def test_cvat_s_own_format_is_none(tmp_path: Path) -> None:
    text(tmp_path / "annotations.xml", "<?xml version='1.0'?><annotations><version>1.1</version></annotations>")
    with pytest.raises(DataError, match="no data set was found"):
        find_layout(tmp_path)
