"""A picture at any scale and place is resized once, from its file."""

import numpy as np
import pytest
from PIL import Image

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.colour import MEAN_COLOUR
from nas.datasets.decoding import decode

MEAN = np.asarray(MEAN_COLOUR, dtype=np.uint8)


@pytest.fixture
def picture(tmp_path):
    """60 x 40 pixels: red to the right, green downwards."""
    x, y = np.meshgrid(np.arange(60), np.arange(40))
    pixels = np.stack([4 * x, 6 * y, np.full_like(x, 128)], axis=-1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    return tmp_path / "a.png", ImageEntry(1, "a.png", 60, 40)


def test_a_square_has_the_picture_in_its_corner(picture):
    square = decode(*picture, 30)
    assert square.shape == (3, 30, 30)
    assert (square[:, 20:] == MEAN[:, None, None]).all()
    assert abs(int(square[0, 5, 20]) - 4 * 40.5) <= 2


@pytest.mark.parametrize(("scale", "shift"), [(2.0, (0, 0)), (2.0, (30, 7)), (0.5, (0, 0)), (1.3, (-4, 2))])
def test_a_view_shows_what_the_square_would_if_it_were_enlarged(picture, scale, shift):
    view = decode(*picture, 30, scale, shift).astype(int)
    places = np.arange(30) + 0.5
    columns, rows = ((places + offset) / scale * 2 - 0.5 for offset in shift)  # two pixels of the file a position
    inside = (rows[:, None] >= 1) & (rows[:, None] <= 38) & (columns >= 1) & (columns <= 58)
    assert inside.any()
    expected = np.stack([np.broadcast_to(4 * columns, (30, 30)), np.broadcast_to(6 * rows[:, None], (30, 30))])
    assert np.abs(view[:2] - expected)[:, inside].max() <= 4
    outside = (rows[:, None] > 42) | (columns > 62) | (columns < -2)
    assert (view.transpose(1, 2, 0)[outside] == MEAN).all()


def test_a_picture_of_another_size_than_its_entry_is_refused(picture):
    with pytest.raises(ValueError, match=r"a.png is 60 x 40 pixels, its entry says 61 x 40"):
        decode(picture[0], ImageEntry(1, "a.png", 61, 40), 30)
