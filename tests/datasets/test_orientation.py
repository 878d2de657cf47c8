"""Whether entries describe pictures as stored or as shown: their sizes tell, their boxes, and the other pictures."""

from typing import Any

import pytest

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.coco_files import Header
from nas.datasets.orientation import orient

STORED, SHOWN = (20, 40), (40, 20)  # (height, width)
SQUARE = (30, 30)


def header(stored: tuple[int, int], orientation: int) -> Header:
    shown = (stored[1], stored[0]) if orientation >= 5 else stored
    return Header(stored, shown, orientation, "")


def decide(
    *pictures: tuple[Header, tuple[int, int]], boxes: dict[int, Any] | None = None
) -> tuple[list[ImageEntry], str | None]:
    """The decisions for pictures given as a header and the (height, width) of their entries."""
    images = {n: ImageEntry(n, f"{n}.jpg", size[1], size[0]) for n, (_, size) in enumerate(pictures)}
    rows = [{"image_id": image, "bbox": box} for image, box in (boxes or {}).items()]
    oriented, sentence = orient(images, {n: one for n, (one, _) in enumerate(pictures)}, rows)
    return list(oriented.values()), sentence


def test_without_a_tag_nothing_is_said() -> None:
    images, sentence = decide((header(STORED, 1), STORED), (header(SQUARE, 1), SQUARE))
    assert sentence is None
    assert all(image.upright for image in images)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_size_of_an_entry_tells(orientation: int) -> None:
    ((shown, stored), sentence) = decide((header(STORED, orientation), SHOWN), (header(STORED, orientation), STORED))
    assert (shown.upright, stored.upright) == (True, False)
    assert (stored.height, stored.width) == STORED
    assert sentence == (
        "2 pictures carry an EXIF orientation: 1 turned as viewers show them; "
        "1 left as stored, as their entries describe them"
    )


def test_boxes_on_the_shown_picture_put_a_stored_size_right() -> None:
    pictures = [(header(STORED, 6), STORED)] * 3
    images, _ = decide(*pictures, boxes={0: [2, 25, 10, 10], 1: [2, 5, 10, 10], 2: [25, 25, 10, 10]})
    assert [(image.upright, image.height, image.width) for image in images] == [
        (True, 40, 20),  # fits the shown picture alone
        (False, 20, 40),  # fits both
        (False, 20, 40),  # fits neither
    ]


@pytest.mark.parametrize(("size", "orientation"), [(SQUARE, 6), (SQUARE, 3), (STORED, 2), (STORED, 3), (STORED, 4)])
def test_where_the_size_does_not_tell_the_others_decide(size: tuple[int, int], orientation: int) -> None:
    unknown = (header(size, orientation), size)
    shown, stored = (header(STORED, 6), SHOWN), (header(STORED, 6), STORED)
    for others, upright in (([], True), ([shown], True), ([stored], False), ([shown, stored], True)):
        (image, *_), sentence = decide(unknown, *others)
        assert image.upright is upright
        assert (image.height, image.width) == size
        assert "where the size does not tell which is meant (1 picture), " in str(sentence)
        assert ("the other entries decided" if others else "nothing spoke against turning") in str(sentence)


def test_a_size_that_is_neither_stays_to_be_named() -> None:
    (image,), _ = decide((header(STORED, 6), (50, 60)))
    assert (image.height, image.width) == (50, 60)
