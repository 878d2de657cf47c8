"""A small data set in COCO format, to be spoilt."""

import copy
import json
from pathlib import Path
from typing import Any

from PIL import Image

from nas.datasets.coco import CocoSettings, open_coco
from nas.datasets.square import SquareData

CATEGORIES = [{"id": 90, "name": "toothbrush"}, {"id": 7, "name": "train"}]


def content() -> dict[str, Any]:
    """Four images of 40 x 20 pixels with a box or two each."""
    images = [{"id": 10 + n, "file_name": f"{n}.png", "width": 40, "height": 20} for n in range(4)]
    annotations = [
        {"id": 100 + n, "image_id": 10 + n % 4, "category_id": (7, 90)[n % 2], "bbox": [2, 4, 10, 8]} for n in range(6)
    ]
    return {"images": images, "annotations": annotations, "categories": copy.deepcopy(CATEGORIES)}


def write(root: Path, data: Any) -> CocoSettings:
    """A data set of four plain images with ``data`` as its annotation file."""
    folder = root / "train2017"
    folder.mkdir(parents=True)
    for n in range(4):
        Image.new("RGB", (40, 20), (50 * n, 100, 200)).save(folder / f"{n}.png")
    (root / "annotations").mkdir()
    text = data if isinstance(data, str) else json.dumps(data)
    (root / "annotations" / "instances_train2017.json").write_text(text)
    return CocoSettings(str(root))


def opened(tmp_path: Path, data: Any, image_size: int = 80) -> SquareData:
    return open_coco(write(tmp_path / "set", data), image_size, tmp_path / "cache")
