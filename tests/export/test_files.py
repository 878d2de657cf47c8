"""The picture on which forms of a network are compared."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.datasets.augment import normalise
from nas.export.files import read_image
from search_spaces.errors import ConfigError
from tests.datasets.picture_support import GREY, exif, png16


def as_input(pixels: np.ndarray) -> torch.Tensor:
    return normalise(torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None])


def test_a_picture_is_scaled_as_pillow_does(tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (400, 600, 3)).astype(np.uint8))
    picture.save(tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as stored:
        expected = np.asarray(stored.resize((60, 50), Image.Resampling.BILINEAR))
    images, source = read_image(str(tmp_path / "a.jpg"), (50, 60))
    assert torch.equal(images, as_input(expected))
    assert source == str(tmp_path / "a.jpg")


def test_a_picture_is_read_as_data_sets_read_it(tmp_path: Path) -> None:
    (tmp_path / "deep.png").write_bytes(png16(GREY * 16))
    images, _ = read_image(str(tmp_path / "deep.png"), (20, 30))
    assert torch.equal(images, as_input(np.repeat(GREY[:, :, None], 3, axis=2).astype(np.uint8)))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif(6))
    images, _ = read_image(str(tmp_path / "turned.png"), (30, 20))
    assert torch.equal(images, as_input(np.rot90(pixels, -1)))


def test_without_a_picture_a_scene_is_drawn() -> None:
    images, source = read_image(None, (48, 64))
    assert images.shape == (1, 3, 48, 64)
    assert source.startswith("a drawn scene of ")


@pytest.mark.parametrize("name", ["gone.png", "empty.png", "text.jpg", "x" * 300, "a\0b", "a\udce9.png", "."])
def test_what_is_no_picture_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    pattern = r"^image .*: it cannot be read as a picture \(.* cannot be decoded \(.*\)\)\.$"
    with pytest.raises(ConfigError, match=pattern) as caught:
        read_image(str(tmp_path / name), (32, 32))
    assert str(caught.value).isprintable()
