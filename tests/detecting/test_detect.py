"""Files through a detector: read as in training, batched, found in the original, broken ones named."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools import mask as coco_mask
from torch import Tensor

from nas.datasets.coco_entries import ImageEntry
from nas.datasets.decoding import decode
from nas.detecting.detect import Broken, Found, ahead, detect_files, find_in, read_views
from nas.detecting.files import PictureFile, find_pictures
from nas.detecting.tiles import Tiling
from nas.detectors import DetectionSettings
from tests.datasets.picture_support import exif
from tests.training.training_support import tiny_detector


def write(folder: Path, name: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", turn: int = 1) -> PictureFile:
    """A picture with a white rectangle from (30, 10) to (50, 30) on black."""
    pixels = np.zeros((size[1], size[0]), dtype=np.uint8)
    pixels[10:30, 30:50] = 255
    picture = Image.fromarray(pixels)
    if mode == "I;16":
        picture = Image.fromarray(pixels.astype(np.uint16) * 257)
    elif mode == "P":
        picture = picture.convert("RGB").quantize(4)
    else:
        picture = picture.convert(mode)
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, exif=exif(turn))
    return PictureFile(path, name)


def white(squares: np.ndarray) -> list[dict[str, Tensor]]:
    """Stands in for a detector with masks: the extent of what is white."""
    answers = []
    for square in squares:
        rows, columns = np.nonzero((square > 200).all(axis=0))
        box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1] if len(rows) else []
        count = min(1, len(box))
        answers.append(
            {
                "boxes": torch.tensor(box, dtype=torch.float32).reshape(-1, 4),
                "scores": torch.full((count,), 0.75),
                "labels": torch.ones(count, dtype=torch.long),
                "masks": torch.ones(count, 28, 28),
            }
        )
    return answers


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *(("a.png", mode) for mode in ("RGB", "L", "RGBA", "P", "I;16", "1", "LA")),
        *(("a.jpg", mode) for mode in ("RGB", "CMYK", "L")),
        ("a.tif", "CMYK"),
    ],
)
@pytest.mark.parametrize("tiling", [None, Tiling(64, 0.25)])
def test_pictures_of_every_kind(tmp_path: Path, name: str, mode: str, tiling: Tiling | None) -> None:
    if mode == "CMYK":
        pixels = np.zeros((40, 60, 3), dtype=np.uint8)
        pixels[10:30, 30:50] = 255
        Image.fromarray(pixels).convert("CMYK").save(tmp_path / name)
        file = PictureFile(tmp_path / name, name)
    else:
        file = write(tmp_path, name, mode=mode)
    (found,) = find_in([read_views(file, 120, tiling)], white, 4)
    assert isinstance(found, Found)
    assert found.size == (40, 60)
    np.testing.assert_allclose(found.boxes, [[30, 10, 50, 30]], atol=1.5)
    assert found.masks is not None
    assert coco_mask.area(found.masks[0]) == pytest.approx(400, abs=90)


@pytest.mark.parametrize("tiling", [None, Tiling(64, 0.25)])
def test_pictures_are_turned_upright(tmp_path: Path, tiling: Tiling | None) -> None:
    file = write(tmp_path, "a.jpg", turn=6)  # a quarter to the right: x becomes height - y, y becomes x
    (found,) = find_in([read_views(file, 120, tiling)], white, 4)
    assert isinstance(found, Found)
    assert found.size == (60, 40)
    np.testing.assert_allclose(found.boxes, [[10, 30, 30, 50]], atol=1.5)


def test_the_square_is_that_of_training(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jpg", size=(333, 211))
    views = read_views(file, 64, None)
    assert not isinstance(views, Broken)
    np.testing.assert_array_equal(views.square(0), decode(file.path, ImageEntry(1, "a.jpg", 333, 211), 64))


def test_files_of_all_sizes_in_batches_and_broken_ones(tmp_path: Path) -> None:
    for number in range(7):
        write(tmp_path, f"{number % 3}/{number}.png", size=(60 + 9 * number, 50 + 20 * (number % 2)))
    (tmp_path / "0" / "bad.jpg").write_bytes(b"no picture")
    files, _ = find_pictures(str(tmp_path))
    for tiling in (None, Tiling(40, 0.5)):
        found = list(find_in((read_views(file, 40, tiling) for file in files), white, 3))
        assert sorted(one.file.name for one in found) == [file.name for file in files]
        (broken,) = (one for one in found if isinstance(one, Broken))
        assert broken.reason.startswith("bad.jpg cannot be decoded")
        assert all(isinstance(one, Broken) or len(one.boxes) for one in found)


def test_a_detector_finds_the_same_whatever_the_batch(tmp_path: Path) -> None:
    files = [write(tmp_path, f"{number}.png", size=(60, 40 + number)) for number in range(3)]
    detector, settings = tiny_detector().train(), DetectionSettings(score_threshold=0.0, detections=5)
    one, three = (list(detect_files(detector, files, 32, settings, batch)) for batch in (1, 3))
    assert detector.training
    for first, second in zip(one, three):
        assert isinstance(first, Found)
        assert isinstance(second, Found)
        assert first.file == second.file
        np.testing.assert_allclose(first.boxes, second.boxes, atol=1e-3)
        assert (first.boxes <= np.tile(first.size[::-1], 2)).all()
        assert len(first.boxes) == len(first.scores) == len(first.labels) <= 5


def test_threads_read_ahead_and_keep_the_order() -> None:
    from concurrent.futures import ThreadPoolExecutor

    taken: list[int] = []
    with ThreadPoolExecutor(2) as pool:
        results = ahead(pool, lambda x: x * x, (taken.append(x) or x for x in range(9)), 3)  # type: ignore[func-returns-value]
        assert next(results) == 0
        assert len(taken) == 4
        assert list(results) == [x * x for x in range(1, 9)]
