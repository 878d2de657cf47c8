"""Weights of a tiny detector that says what it was trained on, and pictures with shapes in COCO format."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from nas.datasets.synthetic import SyntheticSettings, generate
from nas.detectors.weights import TrainedOn, save_detector
from tests.training.training_support import tiny_detector

NAMES = ("disc", "triangle", "cross")
SIZE = 32
IDS = {"disc": 90, "triangle": 7, "cross": 12}


def write_weights(
    path: Path,
    names: tuple[str, ...] | None = NAMES,
    head: str = "retinanet",
    image_size: int = SIZE,
    threshold: float | None = None,
) -> Path:
    """A detector for 3 classes with random weights."""
    told = None if names is None else TrainedOn(names, image_size, threshold)
    save_detector(tiny_detector(head=head), path, trained_on=told)
    return path


def write_shapes(root: Path, images: int = 4, split: str = "val2017") -> Path:
    """Pictures of 48 x 48 pixels with shapes, whose file has ids of its own, in COCO's layout; the annotation file."""
    (root / split).mkdir(parents=True)
    (root / "annotations").mkdir(exist_ok=True)
    rows: list[dict[str, object]] = []
    for number in range(images):
        shapes = generate(SyntheticSettings(), number, 48)
        Image.fromarray(shapes.image.transpose(1, 2, 0)).save(root / split / f"{number}.png")
        for (x1, y1, x2, y2), label, mask in zip(shapes.boxes.tolist(), shapes.labels.tolist(), shapes.masks):
            ys, xs = np.nonzero(mask)
            outline = [int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.min()), int(xs.max()), int(ys.max()) + 1]
            box = [x1, y1, x2 - x1, y2 - y1]
            row = {"id": len(rows) + 1, "image_id": 500 - number, "category_id": IDS[NAMES[label - 1]], "bbox": box}
            rows.append({**row, "area": box[2] * box[3], "iscrowd": 0, "segmentation": [outline]})
    content = {
        "images": [{"id": 500 - n, "file_name": f"{n}.png", "width": 48, "height": 48} for n in range(images)],
        "annotations": rows,
        "categories": [{"id": key, "name": name} for name, key in IDS.items()],
    }
    file = root / "annotations" / f"instances_{split}.json"
    file.write_text(json.dumps(content))
    return file
