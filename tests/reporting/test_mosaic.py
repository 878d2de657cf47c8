"""Pictures with boxes in one file: of any size, with names of any script."""

import numpy as np
import pytest
from PIL import Image

from nas.reporting.mosaic import GAP, SIDE, Tile, draw_mosaic, label_colour


@pytest.mark.parametrize("ending", ["jpg", "png"])
def test_tiles_lie_row_by_row(tmp_path, ending):
    white = np.full((20, 40, 3), 255, dtype=np.uint8)
    boxes = np.asarray([[4, 4, 20, 16]], dtype=np.float32)
    tiles = [Tile(white, boxes, [2], ["猫 \udce9\n\x1b[31m"], "ünï"), Tile(white[:, :10], boxes[:0], [], [])]
    path = draw_mosaic([*tiles, *tiles, tiles[0]], tmp_path / f"mosaic.{ending}", columns=4)
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert pixels.shape[1] == 4 * (SIDE + GAP) + GAP
    assert pixels.shape[0] == 2 * (SIDE + GAP) + GAP
    edge = pixels[GAP + 60, GAP + 4 * 8]  # on the left edge of the first box
    assert np.abs(edge - label_colour(2)).max() < 60


def test_neighbouring_classes_have_different_colours_and_no_tile_is_fine(tmp_path):
    assert len({label_colour(label) for label in range(1, 40)}) == 39
    assert draw_mosaic([], tmp_path / "none.png").is_file()
