"""The structure of entries: what a value must be, said on one line however strange the value is."""

import json
import re
from typing import Any

import pytest

from nas.datasets.coco_entries import Fault, valid_rows

IMAGE = {"id": 1, "file_name": "a.png", "width": 40, "height": 20}
ANNOTATION = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
CATEGORY = {"id": 1, "name": "cat"}
HUGE = 10**400

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("images", IMAGE | {"id": HUGE}, r"has id 1000.*\.\.\.; it must be an integer of 64 bits"),
    ("images", IMAGE | {"width": HUGE}, r"has width 1000.*; it must be an integer of 64 bits"),
    ("images", IMAGE | {"height": 2**40}, r"has size 40 x 1099511627776"),
    ("images", IMAGE | {"width": float("nan")}, r"has width nan; it must be an integer"),
    ("images", IMAGE | {"width": True}, r"has width True; it must be an integer"),
    ("images", IMAGE | {"file_name": ["a"]}, r"has file_name \['a'\]"),
    ("annotations", ANNOTATION | {"bbox": [1, 2, HUGE, 4]}, r"has bbox \[1, 2, 1000.*; it must be four finite"),
    (
        "annotations",
        ANNOTATION | {"bbox": [1, 2, float("inf"), 4]},
        r"has bbox \[1, 2, inf, 4\]; it must be four",
    ),
    ("annotations", ANNOTATION | {"bbox": "1,2,3,4\n"}, r"has bbox '1,2,3,4\\n'"),
    ("annotations", ANNOTATION | {"bbox": [1, 2, True, 4]}, r"has bbox"),
    ("annotations", ANNOTATION | {"area": HUGE}, r"has area 1000.*; it must be a finite number"),
    ("annotations", ANNOTATION | {"area": -HUGE}, r"has area -1000.*; it must be a finite number"),
    ("annotations", ANNOTATION | {"area": float("nan")}, r"has area nan"),
    ("annotations", ANNOTATION | {"iscrowd": "y\udce9" * 100}, r"has iscrowd 'y\\udce9.*\.\.\.; it must be 0 or 1"),
    ("annotations", ANNOTATION | {"image_id": HUGE}, r"has image_id 1000"),
    ("categories", CATEGORY | {"name": HUGE}, r"has name 1000.*\.\.\.; it must be a text"),
    ("categories", {"name": "cat"}, r"has no id"),
]


@pytest.mark.parametrize(("name", "row", "pattern"), WRONG)
def test_wrong_values(name: str, row: dict[str, Any], pattern: str) -> None:
    faults: list[Fault] = []
    assert valid_rows(name, [row], faults) == {}
    assert len(faults) == 1
    assert faults[0].kind == "wrong structure"
    assert re.search(pattern, faults[0].clause), faults[0].clause
    assert len(faults[0].clause) < 200
    faults[0].clause.encode()


def test_right_values() -> None:
    faults: list[Fault] = []
    assert valid_rows("images", [IMAGE | {"id": 2**63 - 1}], faults)
    assert valid_rows(
        "annotations", [ANNOTATION | {"bbox": [1e308, 0, 1e308, 0.5], "area": 1e300, "score": HUGE}], faults
    )
    assert valid_rows("categories", [CATEGORY | {"name": json.loads('"\\ud800"')}], faults)
    assert faults == []
