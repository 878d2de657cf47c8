"""What may be meant otherwise: names alike, fractions, deep pictures."""

from typing import Any

import pytest

from nas.datasets.coco_doubts import doubts
from nas.datasets.coco_entries import ImageEntry
from nas.datasets.coco_files import Header

IMAGES = {1: ImageEntry(1, "a.png", 64, 48), 2: ImageEntry(2, "dot.png", 1, 1)}


def said(
    names: tuple[str, ...] = ("cat",), boxes: Any = ([2, 3, 10, 10],), modes: tuple[str, ...] = ("",), image: int = 1
) -> list[str]:
    """What is said of categories, boxes in one image, and headers."""
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    rows = [{"id": 100 + n, "image_id": image, "bbox": box} for n, box in enumerate(boxes)]
    return list(doubts(categories, rows, IMAGES, [Header((48, 64), (48, 64), 1, mode) for mode in modes]))


def test_a_plain_set_gives_no_doubts() -> None:
    assert said(("cat", "dog", "cats")) == []


def test_categories_of_one_name() -> None:
    assert said(("cat", "dog", "cat")) == ["2 categories are called 'cat' (ids 1, 3); each is a class of its own"]
    assert said(("a",) * 7)[0].startswith("7 categories are called 'a' (ids 1, 2, 3, 4, 5, ...)")


@pytest.mark.parametrize("other", ["Cat", "cat ", " CAT", "\uff43at", "cat\n"])
def test_names_that_look_alike(other: str) -> None:
    (sentence,) = said(("cat", other))
    assert sentence.startswith("2 categories are called 'cat' and ")
    assert sentence.isprintable()


def test_many_pairs_of_names_are_cut_off() -> None:
    sentences = said(tuple(f"class {n // 2}" for n in range(20)))
    assert len(sentences) == 6
    assert sentences[-1] == "5 more names are shared by several categories"


@pytest.mark.parametrize("box", [[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5], [0.4, 0.4, 0.8, 0.8]])
def test_boxes_as_fractions(box: list[float]) -> None:
    assert said(boxes=[box])[0].startswith("all boxes consist of numbers from 0 to 1, for example annotation")
    mixed = said(boxes=[[2, 3, 10, 10], box, [1, 1, 5, 5]])
    assert mixed[0].startswith("1 of 3 boxes consist of numbers from 0 to 1")
    assert "annotation 101 with bbox" in mixed[0]


@pytest.mark.parametrize("box", [[0, 0, 0, 0], [0, 0, 0, 0.5], [0, 0, 1, 2], [-0.1, 0, 0.5, 0.5]])
def test_placeholders_and_other_small_boxes_are_no_fractions(box: list[float]) -> None:
    assert said(boxes=[box]) == []


def test_a_picture_of_one_pixel_has_boxes_of_one_pixel() -> None:
    assert said(boxes=[[0, 0, 1, 1]], image=2) == []


def test_deep_pictures() -> None:
    assert said(modes=("F", "", "I;16", "F")) == [
        "3 pictures have more than 8 bits a channel (mode F, I;16); their values were brought to 0 to 255 by the "
        "depth, or the range, of each file"
    ]
    assert said(modes=("F", ""))[0].startswith("1 picture has more")
