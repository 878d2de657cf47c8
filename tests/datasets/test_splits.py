"""The split asked for is the split opened: stored ones whole, and what a search reserves."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.datasets.dataset import reserve
from nas.datasets.registry import open_data
from nas.datasets.splits import open_split
from search_spaces.errors import ConfigError, DataError
from tests.datasets.coco_support import content, write

SYNTHETIC = {"kind": "synthetic", "images": 12}


@pytest.fixture
def coco(tmp_path: Path) -> dict[str, str]:
    """The training split of ``coco_support`` and another one of two pictures, whose images have other ids."""
    root = write(tmp_path / "set", content()).root
    (Path(root) / "val2017").mkdir()
    images = [{"id": 71 - n, "file_name": f"v{n}.png", "width": 30, "height": 20} for n in range(2)]
    for row in images:
        Image.new("RGB", (30, 20)).save(Path(root) / "val2017" / str(row["file_name"]))
    boxes = [{"id": 5, "image_id": 71, "category_id": 90, "bbox": [1, 1, 8, 8]}]
    file = Path(root) / "annotations" / "instances_val2017.json"
    file.write_text(json.dumps({**content(), "images": images, "annotations": boxes}))
    return {"kind": "coco", "root": root}


def test_stored_splits_are_taken_whole(coco: dict[str, str], tmp_path: Path) -> None:
    for split, ids in (("train", [10, 11, 12, 13]), ("val", [70, 71])):  # in the order of the ids
        data, indices = open_split(coco, 32, tmp_path, split)
        assert [data.image_id(index) for index in indices] == ids
        assert data.source.endswith(f"instances_{split}2017.json")
        assert [data.category_id(label) for label in (1, 2)] == [7, 90]
    assert open_split(coco, 32, tmp_path)[0].image_id(0) == 71, "a cache that is there already keeps the ids"


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    root = write(tmp_path / "set", content()).root
    with pytest.raises(DataError, match=r"image folder .*val2017 is not there; set data\.val_images"):
        open_split({"kind": "coco", "root": root}, 32, tmp_path, "val")


def test_what_a_search_reserves(tmp_path: Path) -> None:
    data, indices = open_split(SYNTHETIC, 32, tmp_path, "reserved", 5, 3)
    assert indices == reserve(data, 5, 3).reserved
    assert data.fingerprint == open_data(SYNTHETIC, 32, tmp_path).fingerprint


def test_the_embedded_set_has_other_images_in_its_other_split(tmp_path: Path) -> None:
    train, val = (open_split(SYNTHETIC, 32, tmp_path, split)[0] for split in ("train", "val"))
    assert (len(train), len(val)) == (12, 3)
    assert train.fingerprint != val.fingerprint
    assert {train.source, val.source} == {"synthetic", "synthetic, val"}
    assert not any(np.array_equal(val.image(i), train.image(k)) for i in range(3) for k in range(12))
    assert [val.image_id(2), val.category_id(3)] == [2, 3]


def test_an_unknown_split(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^split is 'test'; it must be one of: train, val, reserved\.$"):
        open_split(SYNTHETIC, 32, tmp_path, "test")
    with pytest.raises(ConfigError, match=r"^split is 'reserved'; it must be one of: train, val\.$"):
        open_data(SYNTHETIC, 32, tmp_path, "reserved")
