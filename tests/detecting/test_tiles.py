"""Tiles cover the picture, and what is found in them is what would be found in the whole."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nas.detecting.detect import Found, cut, find_in
from nas.detecting.files import PictureFile
from nas.detecting.tiles import TOUCH, Tiling, merge_tiles
from search_spaces.errors import ConfigError
from tests.evaluation.random_images import slow_overlap

FILE = PictureFile(path=None, name="x")  # type: ignore[arg-type]


@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    side=st.integers(32, 150),
    overlap=st.sampled_from([0.0, 0.2, 0.5, 0.75]),
)
@settings(max_examples=60, deadline=None)
def test_tiles_cover_the_picture_and_overlap(height: int, width: int, side: int, overlap: float) -> None:
    tiles = Tiling(side, overlap).tiles((height, width)).astype(int)
    seen = np.zeros((height, width), dtype=int)
    for left, top, right, bottom in tiles:
        assert (right - left, bottom - top) == (min(side, width), min(side, height))
        seen[top:bottom, left:right] += 1
    assert seen.min() == 1
    lefts = np.unique(tiles[:, 0])
    assert (np.diff(lefts) <= max(1, round(side * (1 - overlap)))).all()
    assert len({tuple(tile) for tile in tiles.tolist()}) == len(tiles)


def painted(rng: np.random.Generator, height: int, width: int, most: float) -> tuple[np.ndarray, np.ndarray]:
    """A black picture [H, W, 3] with rectangles below ``most`` pixels a side, each of a colour of its own, and where
    they are."""
    picture, boxes = np.zeros((height, width, 3), dtype=np.uint8), []
    for _ in range(25):
        w, h = rng.integers(6, max(7, int(most)), 2)
        if w >= width or h >= height:
            continue
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        box = [x, y, x + int(w), y + int(h)]
        if all(slow_overlap(np.asarray(box), np.asarray(other)) == 0 for other in boxes):
            boxes.append(box)
            picture[y : y + h, x : x + w] = (len(boxes) * 9, len(boxes) % 3 + 1, 255)
    return picture, np.asarray(boxes, dtype=np.float32).reshape(-1, 4)


def seer(squares: np.ndarray) -> list[dict[str, Tensor]]:
    """Stands in for a detector: the extent of each colour that is seen, whole or cut; the class is its green."""
    answers = []
    for square in squares:
        boxes, labels, scores = [], [], []
        for red in np.unique(square[0][square[2] == 255]):
            rows, columns = np.nonzero((square[0] == red) & (square[2] == 255))
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            labels.append(int(square[1, rows[0], columns[0]]))
            scores.append(0.5 + len(rows) / 1e6)
        best_first = torch.tensor(scores).argsort(descending=True)
        answers.append(
            {
                "boxes": torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)[best_first],
                "labels": torch.tensor(labels, dtype=torch.long)[best_first],
                "scores": torch.tensor(scores, dtype=torch.float32)[best_first],
            }
        )
    return answers


@given(
    seed=st.integers(0, 10_000),
    height=st.integers(40, 260),
    width=st.integers(40, 260),
    side=st.sampled_from([64, 100]),
    overlap=st.sampled_from([0.2, 0.35, 0.5]),
    batch=st.integers(1, 5),
)
@settings(max_examples=40, deadline=None)
def test_tiles_give_the_boxes_of_the_whole(
    seed: int, height: int, width: int, side: int, overlap: float, batch: int
) -> None:
    rng = np.random.default_rng(seed)
    picture, boxes = painted(rng, height, width, side - round(side * (1 - overlap)) - 2 * TOUCH)
    (found,) = find_in([cut(FILE, picture, side, Tiling(side, overlap))], seer, batch)
    assert isinstance(found, Found)
    assert sorted(found.boxes.tolist()) == sorted(boxes.tolist())
    assert (np.diff(found.scores) <= 0).all()
    for box, label in zip(found.boxes.astype(int), found.labels):
        assert picture[box[1], box[0], 1] == label
    assert found.size == (height, width)


def test_tiles_of_another_scale() -> None:
    picture = np.zeros((200, 200, 3), dtype=np.uint8)
    picture[80:120, 90:130] = (9, 2, 255)
    for image_size in (50, 200):
        (found,) = find_in([cut(FILE, picture, image_size, Tiling(100, 0.5))], seer, 3)
        assert isinstance(found, Found)
        np.testing.assert_allclose(found.boxes, [[90, 80, 130, 120]], atol=2)


def one_tile(boxes: list[list[float]], scores: list[float], labels: list[int]) -> tuple[np.ndarray, ...]:
    return np.asarray(boxes, dtype=np.float32).reshape(-1, 4), np.asarray(scores, dtype=np.float32), np.asarray(labels)


def test_what_two_tiles_see_is_merged_class_by_class() -> None:
    tiles = Tiling(100, 0.5).tiles((100, 150))
    left = one_tile([[60, 10, 90, 40], [60, 60, 90, 90]], [0.6, 0.9], [1, 1])
    right = one_tile([[61, 10, 91, 40], [60, 60, 90, 90]], [0.8, 0.7], [1, 2])
    assert merge_tiles([left, right], tiles, (100, 150), 2) == [(0, 1), (1, 0), (1, 1)]


def test_a_cut_box_is_kept_where_no_tile_sees_more() -> None:
    tiles = Tiling(100, 0.2).tiles((100, 180))
    assert tiles[:, 0].tolist() == [0, 80]
    cut_left, whole = [85, 10, 100, 40], [85, 10, 120, 40]
    assert merge_tiles([one_tile([cut_left], [0.9], [1]), one_tile([whole], [0.5], [1])], tiles, (100, 180), 2) == [
        (1, 0)
    ]
    long_left, long_right = [10, 10, 100, 40], [80, 10, 160, 40]
    pieces = [one_tile([long_left], [0.9], [1]), one_tile([long_right], [0.5], [1])]
    assert merge_tiles(pieces, tiles, (100, 180), 2) == [(0, 0), (1, 0)]
    at_the_edge = one_tile([[150, 10, 180, 40]], [0.5], [1])
    assert merge_tiles([one_tile([], [], []), at_the_edge], tiles, (100, 180), 2) == [(1, 0)]


@pytest.mark.parametrize(("side", "overlap", "name"), [(16, 0.2, "tile is 16"), (64, 0.95, "overlap is 0.95")])
def test_settings_out_of_range(side: int, overlap: float, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Tiling(side, overlap)
