"""``faults=drop``: what is faulty goes, with what belongs to it, and nothing else; it is listed and counted."""

import csv
import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nas.datasets.coco import CocoSettings, open_coco
from nas.datasets.dropped import COLUMNS, Dropped
from nas.datasets.square import SquareData
from search_spaces.errors import ConfigError, DataError
from tests.datasets.coco_support import content, write


def dropping(settings: CocoSettings, cache: Path, most: float = 1.0) -> SquareData:
    return open_coco(CocoSettings(settings.root, faults="drop", max_dropped=most), 32, cache)


def known(data: SquareData) -> Dropped:
    assert data.about.dropped is not None
    return data.about.dropped


def ids(data: SquareData) -> list[int]:
    return [data.image_id(index) for index in range(len(data))]


def twice(data: dict[str, Any]) -> None:
    """A second entry of picture 10 under its id, with its own file name."""
    data["images"].append(dict(data["images"][0]))


SPOILT: dict[str, tuple[Any, list[int], int, str]] = {
    # what spoils it, ids of the pictures that are left, objects that are left, kind of the first fault
    "missing picture": (lambda d: d["images"][1].update(file_name="gone.png"), [10, 12, 13], 4, "missing image"),
    "size of the file": (lambda d: d["images"][1].update(width=41), [10, 12, 13], 4, "broken image"),
    "size of nothing": (lambda d: d["images"][1].update(width=0), [10, 12, 13], 4, "wrong structure"),
    "same file": (lambda d: d["images"][1].update(file_name="./0.png"), [10, 12, 13], 4, "duplicate file"),
    "id of two pictures": (lambda d: d["images"][1].update(id=10), [12, 13], 2, "duplicate id"),
    "picture twice": (twice, [10, 11, 12, 13], 6, "duplicate id"),
    "box outside": (lambda d: d["annotations"][2].update(bbox=[50, 2, 5, 5]), [10, 11, 12, 13], 5, "box outside"),
    "inverted box": (lambda d: d["annotations"][2].update(bbox=[9, 2, -5, 5]), [10, 11, 12, 13], 5, "wrong structure"),
    "empty box": (lambda d: d["annotations"][2].update(bbox=[9, 2, 0, 5]), [10, 11, 12, 13], 5, "box of zero area"),
    "not a number": (
        lambda d: d["annotations"][2].update(bbox=[9, 2, float("nan"), 5]),
        [10, 11, 12, 13],
        5,
        "wrong structure",
    ),
    "unknown category": (
        lambda d: d["annotations"][2].update(category_id=8),
        [10, 11, 12, 13],
        5,
        "unknown category",
    ),
    "unknown picture": (lambda d: d["annotations"][2].update(image_id=99), [10, 11, 12, 13], 5, "unknown image"),
    "id of two boxes": (lambda d: d["annotations"][2].update(id=100), [10, 11, 12, 13], 5, "duplicate id"),
    "no object": (lambda d: d["annotations"].__setitem__(2, "box"), [10, 11, 12, 13], 5, "wrong structure"),
}


@pytest.mark.parametrize("fault", SPOILT)
def test_what_is_faulty_goes_and_nothing_else(tmp_path: Path, fault: str) -> None:
    spoil, images, objects, kind = SPOILT[fault]
    given = content()
    spoil(given)
    settings = write(tmp_path / "set", given)
    data = dropping(settings, tmp_path / "cache")
    assert (ids(data), len(data.annotations.boxes)) == (images, objects)
    dropped = known(data)
    assert dropped.entries[0].kind == kind
    assert (dropped.pictures, dropped.of_pictures) == (len(given["images"]) - len(images), len(given["images"]))
    assert (dropped.boxes, dropped.of_boxes) == (6 - objects, 6)
    assert len(dropped.entries) == dropped.pictures + dropped.boxes
    again = dropping(settings, tmp_path / "cache")
    assert (again.fingerprint, again.about) == (data.fingerprint, data.about)


def test_a_picture_that_breaks_after_its_header_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = write(tmp_path / "set", content())
    path = tmp_path / "set" / "train2017" / "2.png"
    Image.effect_noise((40, 20), 50).save(path)
    path.write_bytes(path.read_bytes()[:300])
    with caplog.at_level(logging.WARNING):
        data = dropping(settings, tmp_path / "cache")
    assert ids(data) == [10, 11, 13]
    assert [(one.kind, one.picture) for one in known(data).entries] == [
        ("broken image", "2.png"),
        ("picture dropped", "2.png"),
    ]
    sentence = "1 of 4 pictures and 1 of 6 boxes were dropped (1 x broken image, 1 x picture dropped): image 12: 2.png"
    assert sentence in caplog.text


def test_no_more_than_allowed_may_go(tmp_path: Path) -> None:
    given = content()
    given["annotations"][2]["category_id"] = 8
    settings = write(tmp_path / "set", given)
    with pytest.raises(DataError, match=r"1 of 6 boxes were .*unknown category.*data\.max_dropped=0\.1; mend"):
        dropping(settings, tmp_path / "cache", 0.1)
    assert not list((tmp_path / "cache").glob("*"))
    dropping(settings, tmp_path / "cache", 0.2)
    with pytest.raises(DataError, match=r"data\.max_dropped=0\.1"):
        dropping(settings, tmp_path / "cache", 0.1)
    with pytest.raises(DataError, match=r"has 1 problem \(1 x unknown category\)"):
        open_coco(settings, 32, tmp_path / "cache")


@pytest.mark.parametrize("name", ["images", "annotations", "categories"])
def test_what_is_empty_cannot_be_dropped(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"1 x empty {name}"):
        dropping(write(tmp_path / "set", {**content(), name: []}), tmp_path / "cache")


def test_all_can_be_too_much(tmp_path: Path) -> None:
    given = content()
    for row in given["annotations"]:
        row["category_id"] = 8
    with pytest.raises(DataError, match=r"empty annotations.*all of it was dropped"):
        dropping(write(tmp_path / "set", given), tmp_path / "cache")


def test_without_faults_the_data_set_is_the_same_one(tmp_path: Path) -> None:
    settings = write(tmp_path / "set", content())
    plain = open_coco(settings, 32, tmp_path / "cache")
    data = dropping(settings, tmp_path / "cache")
    assert (data.fingerprint, data.about.dropped) == (plain.fingerprint, None)
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_identity_says_what_was_dropped(tmp_path: Path) -> None:
    """Also where the annotation file is the same and a picture is another one."""
    found = []
    for name, broken in (("one", ()), ("two", ("1.png",)), ("three", ("2.png",)), ("four", ("2.png",))):
        settings = write(tmp_path / name, content())
        for picture in broken:
            path = tmp_path / name / "train2017" / picture
            path.write_bytes(bytes(path.stat().st_size))
        found.append(dropping(settings, tmp_path / "cache").fingerprint)
    assert found[2] == found[3]
    assert len(set(found)) == 3


def test_the_list_is_a_table_of_one_line_each(tmp_path: Path) -> None:
    given = content()
    given["images"][1]["file_name"] = 'go,ne\n"\udce9.png'
    data = dropping(write(tmp_path / "set", given), tmp_path / "cache")
    rows = list(csv.reader(io.StringIO(known(data).csv())))
    assert tuple(rows[0]) == COLUMNS
    assert [row[:3] for row in rows[1:]] == [
        ["missing image", r'go,ne\n"\udce9.png', "images[1]"],
        ["picture dropped", r'go,ne\n"\udce9.png', "annotations[1]"],
        ["picture dropped", r'go,ne\n"\udce9.png', "annotations[5]"],
    ]
    known(data).csv().encode()


def test_pictures_of_the_rest_are_known(tmp_path: Path) -> None:
    given = content()
    given["images"][1]["file_name"] = "gone.png"
    data = dropping(write(tmp_path / "set", given), tmp_path / "cache")
    assert data.pictures is not None
    paths, as_stored = data.pictures.read()
    assert [path.name for path in paths] == ["0.png", "2.png", "3.png"]
    assert all(path.is_file() for path in paths)
    assert as_stored == frozenset()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"faults": "ignore"}, "faults is 'ignore'; it must be one of: refuse, drop"),
        ({"max_dropped": 1.5}, "max_dropped is 1.5; it must be at least 0 and at most 1"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        CocoSettings("here", **settings)


def test_a_file_of_another_kind_is_refused_either_way(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wrong structure"):
        dropping(write(tmp_path / "set", json.dumps([1])), tmp_path / "cache")
