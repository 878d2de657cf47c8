"""Detections as COCO's list of results, which pycocotools and COCO's server read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nas.datasets.dataset import DetectionData


def to_results(
    found: Sequence[Mapping[str, Any]], data: DetectionData, indices: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """A row for each detection: ``image_id``, ``category_id``, ``bbox`` (x, y, width, height in pixels), ``score``.

    Ids are those of the data set's file. Where there are masks, a row has its ``segmentation`` too: ``size`` [H, W] and
    ``counts``, compressed run lengths as text.

    Args:
        found: per image, see :func:`nas.evaluation.evaluate.detect_in`.
        data, indices: which images.
    """
    for index, one in zip(indices, found):
        boxes = np.asarray(one["boxes"], dtype=np.float64).reshape(-1, 4)
        for row, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
            result = {
                "image_id": data.image_id(index),
                "category_id": data.category_id(int(one["labels"][row])),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "score": float(one["scores"][row]),
            }
            yield result | ({"segmentation": mask_as_text(one["masks"][row])} if "masks" in one else {})


def mask_as_text(mask: Mapping[str, Any]) -> dict[str, Any]:
    """Compressed run lengths as JSON can hold them."""
    return {"size": list(mask["size"]), "counts": mask["counts"].decode("ascii")}
