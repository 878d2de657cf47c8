"""data.html: one file without anything from outside, whatever a data set's names are."""

import base64
import csv
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from nas.datasets.registry import open_data
from nas.reporting.data_page import write_data_page
from nas.reporting.samples import MOST_NAMES
from search_spaces.errors import FileError
from tests.datasets.coco_support import content, write

NASTY = "<script>alert('\u732b')</script>\u202e\x1b[31m & \"\u05d0\u0628\""
CHROMIUM = shutil.which("chromium")


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [str(value) for key, value in attrs if key in ("src", "href", "srcset")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path: Path) -> str:
    """Of a set with nasty names, a dropped box, and a picture of many objects."""
    given = content()
    given["categories"][0]["name"] = NASTY
    given["images"][2]["file_name"] = "a&b <i>.png"
    given["annotations"][0]["category_id"] = 55
    given["annotations"] += [
        {"id": 200 + n, "image_id": 13, "category_id": 7, "bbox": [n, 2, 3, 3]} for n in range(MOST_NAMES + 1)
    ]
    settings = write(tmp_path / "set", given)
    (tmp_path / "set" / "train2017" / "2.png").rename(tmp_path / "set" / "train2017" / "a&b <i>.png")
    data = open_data({"kind": "coco", "root": settings.root, "faults": "drop"}, 32, tmp_path / "cache")
    path = write_data_page(data, "my <set>", tmp_path / "out", 3.0)
    return path.read_text(encoding="utf-8")


def test_the_page_is_whole_and_safe(page: str) -> None:
    tags = Tags(page)
    assert tags.open == []
    assert "script" not in tags.tags
    assert "i" not in tags.tags
    assert all(source.startswith("data:image/jpeg;base64,") for source in tags.sources)
    assert len(tags.sources) == 4
    for source in tags.sources:
        Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).load()
    assert "&lt;script&gt;alert(&#x27;\u732b&#x27;)" in page
    assert not re.search("[\u202e\x1b]", page)
    assert "<h1>my &lt;set&gt;</h1>" in page
    assert "a&amp;b &lt;i&gt;.png" in page


def test_what_matters_is_said(page: str) -> None:
    assert "The smallest anchors have a side of 24 px" in page
    assert "a side below 17.0 px" in page
    for title in ("Pictures", "Classes", "Sizes of objects", "Too small to be learnt", "Objects in a picture"):
        assert f"<h2>{title}</h2>" in page
    assert "What was dropped" in page
    assert "unknown category" in page
    assert page.count("<rect") == 5 + MOST_NAMES + 1
    assert page.count("<text") == 4, "a picture of many objects has their names in titles alone"


def test_what_was_dropped_lies_beside_it(page: str, tmp_path: Path) -> None:
    rows = list(csv.reader((tmp_path / "out" / "dropped.csv").open(encoding="utf-8")))
    assert [row[0] for row in rows] == ["kind", "unknown category"]


def test_the_embedded_set_has_a_page(tmp_path: Path) -> None:
    data = open_data({"kind": "synthetic", "images": 20}, 32, tmp_path)
    text = write_data_page(data, "synthetic", tmp_path / "out", 3.0).read_text(encoding="utf-8")
    assert len(Tags(text).sources) == 16
    assert not (tmp_path / "out" / "dropped.csv").exists()
    assert "What was dropped" not in text


def test_a_set_without_objects_in_most_pictures(tmp_path: Path) -> None:
    given = content()
    given["annotations"] = given["annotations"][:1]
    settings = write(tmp_path / "set", given)
    data = open_data({"kind": "coco", "root": settings.root}, 32, tmp_path / "cache")
    (tmp_path / "set" / "train2017" / "3.png").unlink()
    assert "3.png" in write_data_page(data, "x", tmp_path / "out", 3.0).read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    data = open_data({"kind": "synthetic", "images": 4}, 32, tmp_path)
    with pytest.raises(FileError, match=r"file cannot be made: .*; give another out="):
        write_data_page(data, "x", tmp_path / "file", 3.0)


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to open the page")
def test_a_browser_has_nothing_to_say(page: str, tmp_path: Path) -> None:
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}/b",
    ]
    done = subprocess.run(
        [str(CHROMIUM), *options, "--dump-dom", f"file://{tmp_path}/out/data.html"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "CONSOLE" not in done.stderr
    assert "<h2>Classes</h2>" in done.stdout
