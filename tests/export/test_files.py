"""A network written in every form, and the pictures it is compared on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.datasets.augment import normalise
from nas.datasets.colour import IMAGENET_MEAN, IMAGENET_STD
from nas.detectors import DetectionSettings
from nas.export.files import read_image, write_files
from search_spaces.errors import ConfigError
from tests.datasets.picture_support import GREY, exif, png16
from tests.export.export_support import drawn_picture, small_detector

SETTINGS = DetectionSettings(candidates=500)


@pytest.mark.parametrize("head", ["retinanet", "classifier"])
def test_every_form_is_written_and_computes_the_same(head: str, tmp_path: Path) -> None:
    rows = write_files(small_detector("r50-fpn", head), (64, 96), tmp_path / "new" / "out", None, SETTINGS)
    assert [Path(row["file"]).name for row in rows] == ["program.pt2", "detector.onnx", "bundle"]
    for row in rows:
        path = Path(row["file"])
        files = list(path.iterdir()) if path.is_dir() else [path]
        assert row["bytes"] == sum(file.stat().st_size for file in files) > 1000
        assert row["image"].startswith("a drawn scene of ")
        apart = {name: value for name, value in row["differences"].items() if name != "count"}
        assert apart
        assert max(apart.values()) < 1e-3, row


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match=r"out is '.*file/out'; it must be a folder that can be written \(Not a dir"):
        write_files(small_detector("r50-fpn"), (64, 64), tmp_path / "file" / "out", None, SETTINGS)


def test_a_drawn_scene_is_cut_to_size() -> None:
    images, source = read_image(None, (48, 80))
    assert torch.equal(images, drawn_picture(48, 80))
    assert source.startswith("a drawn scene of ")


def test_a_picture_is_scaled_and_normalised(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.new("L", (30, 20), 128).save(path)
    images, source = read_image(str(path), (64, 96))
    assert source == str(path)
    expected = (128 / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    assert images.shape == (1, 3, 64, 96)
    np.testing.assert_allclose(images.numpy()[0], np.broadcast_to(expected[:, None, None], (3, 64, 96)), atol=1e-5)


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


@pytest.mark.parametrize("name", ["gone.png", "empty.png", "text.jpg", "x" * 300, "a\0b", "a\udce9.png", "."])
def test_what_is_no_picture_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    pattern = r"^image .*: it cannot be read as a picture \(.* cannot be decoded \(.*\)\)\.$"
    with pytest.raises(ConfigError, match=pattern) as caught:
        read_image(str(tmp_path / name), (32, 32))
    assert str(caught.value).isprintable()
