"""Annotation files as text from outside: each is read, or refused in one sentence that names it."""

import json
from pathlib import Path

import pytest

from nas.datasets.coco_json import parse_json
from search_spaces.errors import DataError
from tests.datasets.coco_support import content

TEXT = json.dumps(content(), ensure_ascii=False)
FILE = Path("notes.json")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_of_every_width_with_and_without_a_mark(encoding: str) -> None:
    text = TEXT.replace("toothbrush", "зубная щётка")
    assert parse_json(FILE, text.encode(encoding))["categories"][0]["name"] == "зубная щётка"


DEEP = "[" * 100_000 + "]" * 100_000
REFUSED = {
    "empty": (b"", r"is not JSON \(line 1"),
    "cut": (TEXT[:-20].encode(), r"is not JSON \(line 1"),
    "latin-1": (TEXT.replace("toothbrush", "café").encode("latin-1"), r"not a text file in UTF-8: byte \d+ is 0xe9"),
    "picture": (b"\x89PNG\r\n\x1a\n", r"not a text file in UTF-8: byte 0 is 0x89"),
    "zeros": (bytes(100), r"is not JSON"),
    "deep list": (DEEP.encode(), r"nested too deeply"),
    "deep objects": (b'{"a":' * 100_000, r"nested too deeply"),
    "deep entry": (TEXT.replace("[2, 4, 10, 8]", DEEP, 1).encode(), r"nested too deeply"),
    "5,000 digits": (TEXT.replace("[2, 4", f"[{'9' * 5000}, 4", 1).encode(), r"a number of thousands of digits"),
    "5,000 digits and a sign": (b'{"images": [-' + b"9" * 5000, r"a number of thousands of digits"),
    "two lists": (TEXT.replace("{", '{"images": [], ', 1).encode(), r"gives the key 'images' twice.*\[\] and \[\{"),
    "two boxes": (TEXT.replace('"bbox"', '"bbox": [1, 2, 3, 4], "bbox"', 1).encode(), r"gives the key 'bbox' twice"),
    "list": (b"[]", r"wrong structure.*'images'"),
    "null": (b"null", r"wrong structure.*'images'"),
    "images an object": (b'{"images": {}}', r"wrong structure.*'images' is missing or is not a list"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_said_in_one_sentence(case: str) -> None:
    given, pattern = REFUSED[case]
    with pytest.raises(DataError, match=pattern) as caught:
        parse_json(FILE, given)
    assert str(caught.value).startswith("annotation file notes.json ")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_key_that_says_the_same_twice_or_means_nothing_is_let_be() -> None:
    same = TEXT.replace('"iscrowd"', '"iscrowd"').replace('"width": 40', '"width": 40, "width": 40')
    other = same.replace('"width"', '"note": 1, "note": 2, "width"', 1)
    assert parse_json(FILE, other.encode())["images"][0]["width"] == 40
