"""Objects on pictures of any size, with texts of any script."""

import numpy as np
import pytest

from nas.datasets.masks import encode_masks
from nas.reporting.objects import LEAST_SIDE, LONGEST_TEXT, colour, draw_objects, shortened

GREY = 120


def grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), GREY, dtype=np.uint8)


def test_a_box_is_drawn_in_its_colour_where_it_is() -> None:
    drawn = np.asarray(draw_objects(grey(500, 600), np.asarray([[100, 200, 300, 400]]), [3], [""]))
    changed = (drawn != GREY).any(axis=2)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert (columns[0], rows[0], columns[-1], rows[-1]) == (100, 200, 300, 400)
    assert tuple(drawn[200, 200]) == colour(3)
    assert not changed[250:350, 150:250].any()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 900), (40, 64), (479, 480), (700, 2000)])
def test_texts_stay_in_the_picture_and_small_pictures_are_enlarged(height: int, width: int) -> None:
    boxes = np.asarray([[0, 0, width, height], [width - 1, height - 1, width, height], [-5, -5, width + 9, 2]])
    picture = draw_objects(grey(height, width), boxes, [1, 2, 3], ["first 0.99", "second", "third"])
    assert max(picture.size) >= LEAST_SIDE
    assert (picture.width % width, picture.height % height) == (0, 0)
    assert (np.asarray(picture) != GREY).any()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "ünï",
        "日本語",
        "हिन्दी",
        "العربية",
        "a\nb\tc",
        "\ud800",
        "\x00\x1b[2J",
        "👩‍👩‍👧",
        "x" * 5000,
        "<b>&",
    ],
)
def test_any_text_can_be_drawn(text: str) -> None:
    draw_objects(grey(60, 80), np.asarray([[10, 10, 50, 50]], dtype=np.float32), [1], [text])
    assert len(shortened(text)) <= LONGEST_TEXT


def test_no_object_leaves_the_picture_as_it_is() -> None:
    assert (np.asarray(draw_objects(grey(480, 500), np.zeros((0, 4)), [], [])) == GREY).all()


def test_masks_are_blended_in() -> None:
    bitmaps = np.zeros((2, 480, 480), dtype=bool)
    bitmaps[0, 100:200, 50:90] = True
    bitmaps[1, 150:300, 60:70] = True
    masks = [{"size": [480, 480], "counts": counts} for counts in encode_masks(bitmaps)]
    nowhere = np.zeros((2, 4))
    drawn = np.asarray(draw_objects(grey(480, 480), nowhere, [1, 2], ["", ""], masks))
    changed = (drawn != GREY).any(axis=2)
    changed[:4, :4] = False
    np.testing.assert_array_equal(changed, bitmaps.any(axis=0))
    assert tuple(drawn[110, 55]) != tuple(drawn[250, 65])


def test_a_box_the_wrong_way_round_is_drawn_all_the_same() -> None:
    draw_objects(grey(60, 80), np.asarray([[50, 50, 10, 10]], dtype=np.float32), [1], ["a"])


def test_near_labels_have_colours_far_apart() -> None:
    colours = np.asarray([colour(label) for label in range(1, 21)], dtype=int)
    assert len({tuple(row) for row in colours.tolist()}) == 20
    assert np.abs(np.diff(colours, axis=0)).sum(axis=1).min() > 100
