"""COCO's twelve numbers: average precision and recall of detections against annotations."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from search_spaces.settings import one_of

METRICS = (
    *("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large"),
    *("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large"),
)
BACKENDS = ("faster", "pycocotools")
IOU_TYPES = ("bbox", "segm")
OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
SIZES = ("all", "small", "medium", "large")
Image = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class CocoResult:
    """What COCO's evaluation measures; -1 everywhere where nothing could be measured (no object of that kind).

    Attributes:
        numbers: the twelve numbers of ``METRICS`` in [0, 1].
        precision: [10, 101, K, 4], for each of ``OVERLAPS``, recall 0, 0.01, ... 1, class, and one of ``SIZES``.
        recall: [10, K, 4], the highest one.
    """

    numbers: Mapping[str, float]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def coco_metrics(
    truth: Sequence[Image],
    detections: Sequence[Image],
    classes: int,
    backend: str = "faster",
    iou_type: str = "bbox",
) -> dict[str, float]:
    """The numbers alone of :func:`coco_evaluation`."""
    return dict(coco_evaluation(truth, detections, classes, backend, iou_type).numbers)


def coco_evaluation(
    truth: Sequence[Image],
    detections: Sequence[Image],
    classes: int,
    backend: str = "faster",
    iou_type: str = "bbox",
) -> CocoResult:
    """COCO's evaluation of detections; what it measures are averages over classes, overlaps and recalls.

    Args:
        truth: per image ``boxes`` [n, 4] (x1 y1 x2 y2 in pixels), ``labels`` [n] 1..K, ``areas`` [n] in square pixels,
            ``crowd`` [n].
        detections: per image ``boxes`` [m, 4], ``scores`` [m], ``labels`` [m]; the best 100 count.
        classes: K, without the background.
        backend: ``"faster"`` (faster-coco-eval) or ``"pycocotools"``, the reference; the numbers are the same.
        iou_type: what overlaps, boxes (``"bbox"``) or masks (``"segm"``). For masks, truth and detections have
            ``masks``, per object COCO's compressed run lengths (``size`` [H, W] and ``counts``).

    Raises:
        ConfigError: an unknown backend or kind of overlap.
    """
    one_of("backend", backend, BACKENDS)
    one_of("iou_type", iou_type, IOU_TYPES)
    coco, evaluator, options = _backend(backend)
    with contextlib.redirect_stdout(io.StringIO()):
        true, found = coco(), coco()
        true.dataset = _to_coco(truth, classes, iou_type)
        found.dataset = _to_coco(detections, classes, iou_type)
        true.createIndex()
        found.createIndex()
        evaluation = evaluator(true, found, iou_type, **options)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    numbers = {name: float(value) for name, value in zip(METRICS, evaluation.stats[: len(METRICS)])}
    shape = (len(OVERLAPS), 101, classes, len(SIZES), 3)  # the last axis is the most detections an image: 1, 10, 100
    precision = np.asarray(evaluation.eval["precision"]).reshape(shape)[..., -1]
    return CocoResult(numbers, precision, np.asarray(evaluation.eval["recall"]).reshape(shape[:1] + shape[2:])[..., -1])


def _backend(name: str) -> tuple[Any, Any, dict[str, Any]]:
    if name == "faster":
        from faster_coco_eval import COCO, COCOeval_faster

        return COCO, COCOeval_faster, {"print_function": lambda *_: None}
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return COCO, COCOeval, {}


def _to_coco(images: Sequence[Image], classes: int, iou_type: str) -> dict[str, Any]:
    """Objects or detections as COCO's dictionary; image ids are positions, and ids start at 1, as 0 means none."""
    rows = [row for position, image in enumerate(images) for row in _rows(position, image, iou_type)]
    return {
        "info": {},
        "images": [{"id": position, **_size(image)} for position, image in enumerate(images)],
        "categories": [{"id": label} for label in range(1, classes + 1)],
        "annotations": [{"id": number, **row} for number, row in enumerate(rows, start=1)],
    }


def _rows(position: int, image: Image, iou_type: str) -> Iterator[dict[str, Any]]:
    """The objects of one image as COCO's rows; what has no area of its own gets that of its box or mask."""
    boxes = np.asarray(image["boxes"], dtype=np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    masks = image["masks"] if iou_type == "segm" else [None] * len(boxes)
    areas = image.get("areas", sides.prod(axis=1) if iou_type == "bbox" else [coco_mask.area(mask) for mask in masks])
    crowd = image.get("crowd", np.zeros(len(boxes), dtype=bool))
    scores = image.get("scores", np.ones(len(boxes)))
    for row, mask in enumerate(masks):
        yield {
            "image_id": position,
            "category_id": int(image["labels"][row]),
            "bbox": [*boxes[row, :2].tolist(), *sides[row].tolist()],
            "area": float(areas[row]),
            "iscrowd": int(crowd[row]),
            "score": float(scores[row]),
            **({} if mask is None else {"segmentation": mask}),
        }


def _size(image: Image) -> dict[str, int]:
    """``height`` and ``width`` of an image, where its masks tell; pycocotools looks them up for masks alone."""
    height, width = image["masks"][0]["size"] if len(image.get("masks", ())) else (1, 1)
    return {"height": height, "width": width}
