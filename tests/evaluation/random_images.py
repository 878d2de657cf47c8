"""Images with random objects, and detections that are more or less right."""

from typing import Any

import numpy as np

Image = dict[str, Any]


def random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corners = rng.uniform(0, 200, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(1, 150, (count, 2))], axis=1).astype(np.float32)


def random_truth(rng: np.random.Generator, count: int, classes: int) -> Image:
    boxes = random_boxes(rng, count)
    return {
        "boxes": boxes,
        "labels": rng.integers(1, classes + 1, count),
        "areas": np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) * rng.uniform(0.5, 1, count),
        "crowd": rng.random(count) < 0.1,
    }


def random_detections(rng: np.random.Generator, truth: Image, classes: int) -> Image:
    jittered = truth["boxes"] + rng.normal(0, 5, truth["boxes"].shape)
    jittered[:, 2:] = np.maximum(jittered[:, 2:], jittered[:, :2] + 1)
    extra = int(rng.integers(0, 6))
    boxes = np.concatenate([jittered, random_boxes(rng, extra)])
    labels = np.concatenate([truth["labels"], rng.integers(1, classes + 1, extra)])
    keep = rng.random(len(boxes)) < 0.8
    return {"boxes": boxes[keep], "scores": rng.random(len(boxes))[keep], "labels": labels[keep]}


def random_set(seed: int, images: int, classes: int, most: int) -> tuple[list[Image], list[Image]]:
    """Objects and detections of some images; a few detections have another class than the object they are near."""
    rng = np.random.default_rng(seed)
    truth = [random_truth(rng, int(rng.integers(0, most + 1)), classes) for _ in range(images)]
    found = [random_detections(rng, one, classes) for one in truth]
    for one in found:
        changed = rng.random(len(one["labels"])) < 0.25
        one["labels"] = np.where(changed, rng.integers(1, classes + 1, len(changed)), one["labels"])
    return truth, found


def slow_overlap(one: np.ndarray, other: np.ndarray, crowd: bool = False) -> float:
    """Intersection over union, over the first box's area for a crowd region."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other)]
    return float(shared / (areas[0] if crowd else sum(areas) - shared))
