"""A network written in every form, and the pictures it is compared on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.datasets.colour import IMAGENET_MEAN, IMAGENET_STD
from nas.detectors import DetectionSettings
from nas.export.files import read_image, write_files
from search_spaces.errors import ConfigError
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


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "words.png"
    path.write_text("no picture")
    for file in (path, tmp_path / "missing.png"):
        with pytest.raises(ConfigError, match=rf"image .*{file.name}: it cannot be read as a picture"):
            read_image(str(file), (64, 64))
