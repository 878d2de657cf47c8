"""COCO's twelve numbers: average precision and recall of detections against annotations."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from nas.datasets.augment import read_images
from nas.datasets.dataset import DetectionData
from nas.detectors import DetectionSettings, Network, as_detector
from search_spaces.errors import ConfigError

METRICS = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"),
)
BACKENDS = ("faster", "pycocotools")
Arrays = Mapping[str, np.ndarray]


def coco_metrics(
    truth: Sequence[Arrays], detections: Sequence[Arrays], classes: int, backend: str = "faster"
) -> dict[str, float]:
    """The twelve numbers of ``METRICS`` in [0, 1]; -1 where nothing could be measured (no object of that size).

    Args:
        truth: per image ``boxes`` [n, 4] (x1 y1 x2 y2 in pixels), ``labels`` [n] 1..K, ``areas`` [n], ``crowd`` [n].
        detections: per image ``boxes`` [m, 4], ``scores`` [m], ``labels`` [m]; the best 100 count.
        classes: K, without the background.
        backend: ``"faster"`` (faster-coco-eval) or ``"pycocotools"``, the reference; the numbers are the same.

    Raises:
        ConfigError: an unknown backend.
    """
    coco, evaluator, options = _backend(backend)
    with contextlib.redirect_stdout(io.StringIO()):
        true, found = coco(), coco()
        true.dataset = _to_coco(truth, classes)
        found.dataset = _to_coco(detections, classes)
        true.createIndex()
        found.createIndex()
        evaluation = evaluator(true, found, "bbox", **options)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: float(value) for name, value in zip(METRICS, evaluation.stats[: len(METRICS)])}


def evaluate(
    network: Network,
    data: DetectionData,
    indices: Sequence[int],
    batch_size: int = 32,
    settings: DetectionSettings | None = None,
    backend: str = "faster",
) -> dict[str, float]:
    """The twelve numbers of a detector on some images of a data set, in pixels of the original images.

    Raises:
        ConfigError: the network is no detector.
    """
    detector = as_detector(network, "evaluation")
    device = next(detector.parameters()).device
    found: list[Arrays] = []
    for first in range(0, len(indices), batch_size):
        batch = indices[first : first + batch_size]
        results = detector.detect(read_images(data, batch, device), settings)
        found.extend(_to_original(data, index, result) for index, result in zip(batch, results))
    return coco_metrics([_truth(data, index) for index in indices], found, len(data.class_names), backend)


def _truth(data: DetectionData, index: int) -> Arrays:
    annotations, rows = data.annotations, data.annotations.rows(index)
    return {
        "boxes": annotations.boxes[rows] / annotations.scales[index],
        "labels": annotations.labels[rows],
        "areas": annotations.areas[rows],
        "crowd": annotations.crowd[rows],
    }


def _to_original(data: DetectionData, index: int, result: Mapping[str, Tensor]) -> Arrays:
    arrays = {name: value.cpu().numpy() for name, value in result.items()}
    return {**arrays, "boxes": arrays["boxes"] / data.annotations.scales[index]}


def _backend(name: str) -> tuple[Any, Any, dict[str, Any]]:
    if name == "faster":
        from faster_coco_eval import COCO, COCOeval_faster

        return COCO, COCOeval_faster, {"print_function": lambda *_: None}
    if name == "pycocotools":
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        return COCO, COCOeval, {}
    raise ConfigError(f"unknown evaluation backend {name!r}; there are: {', '.join(BACKENDS)}.")


def _to_coco(images: Sequence[Arrays], classes: int) -> dict[str, Any]:
    """Objects or detections as COCO's dictionary; image ids are positions, and ids start at 1, as 0 means none."""
    rows: list[dict[str, Any]] = []
    for position, image in enumerate(images):
        boxes = np.asarray(image["boxes"], dtype=np.float64).reshape(-1, 4)
        sides = boxes[:, 2:] - boxes[:, :2]
        areas = image.get("areas", sides.prod(axis=1))
        crowd = image.get("crowd", np.zeros(len(boxes), dtype=bool))
        scores = image.get("scores", np.ones(len(boxes)))
        for row in range(len(boxes)):
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": position,
                    "category_id": int(image["labels"][row]),
                    "bbox": [*boxes[row, :2].tolist(), *sides[row].tolist()],
                    "area": float(areas[row]),
                    "iscrowd": int(crowd[row]),
                    "score": float(scores[row]),
                }
            )
    return {
        "info": {},
        "images": [{"id": position} for position in range(len(images))],
        "categories": [{"id": label} for label in range(1, classes + 1)],
        "annotations": rows,
    }
