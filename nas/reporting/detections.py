"""What was found in pictures, for people and for programs: drawn pictures, COCO JSON, CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from nas.datasets.pixels import opened
from nas.detecting import Broken, Found
from nas.disk import replacing
from nas.evaluation.results_list import mask_as_text
from nas.reporting.json_list import write_list
from nas.reporting.objects import draw_objects
from nas.words import printable
from search_spaces.errors import FileError

JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")
Row = Mapping[str, Any]


def as_row(result: Found | Broken) -> dict[str, Any]:
    """A result as a JSON object: ``file``; and ``broken``, the reason, or ``size``, ``boxes``, ``scores``, ``labels``
    and perhaps ``masks``."""
    if isinstance(result, Broken):
        return {"file": result.file.name, "broken": result.reason}
    row = {
        "file": result.file.name,
        "size": list(result.size),
        "boxes": result.boxes.tolist(),
        "scores": result.scores.tolist(),
        "labels": result.labels.tolist(),
    }
    return row | ({} if result.masks is None else {"masks": list(map(mask_as_text, result.masks))})


def only_labels(result: Found, labels: Sequence[int]) -> Found:
    """A result with the objects of some labels alone."""
    kept = np.flatnonzero(np.isin(result.labels, labels))
    masks = None if result.masks is None else [result.masks[row] for row in kept]
    return Found(result.file, result.size, result.boxes[kept], result.scores[kept], result.labels[kept], masks)


def drawn_path(folder: Path, name: str) -> Path:
    """Where the drawn picture of a file goes: below ``pictures/``, in the folders that it came from.

    JPEG and PNG pictures keep their names, others are drawn as ``NAME.png``.
    """
    place = PurePosixPath(name)
    keeps = place.suffix.lower() in (*JPEG, ".png")
    return folder / "pictures" / (place if keeps else place.with_name(f"{place.name}.png"))


def save_drawn(result: Found, names: Sequence[str], folder: Path) -> None:
    """Draw what was found in a picture, with class names and scores.

    Args:
        names: of the classes, the first is label 1's.
        folder: see :func:`drawn_path`.

    Raises:
        FileError: the picture cannot be written, or its file has become unreadable.
    """
    path = drawn_path(folder, result.file.name)
    try:
        with opened(result.file.path) as picture:
            pixels = picture.read()
    except ValueError as error:
        raise FileError(
            f"picture {result.file.path} was read a moment ago and cannot be read any more: {error}."
        ) from None
    texts = [f"{names[label - 1]} {score:.2f}" for label, score in zip(result.labels, result.scores)]
    drawn = draw_objects(pixels, result.boxes, result.labels.tolist(), texts, result.masks)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"{path.parent} cannot be made: {error.strerror}.") from None
    with replacing(path) as temporary:
        if path.suffix.lower() in JPEG:
            drawn.save(temporary, "JPEG", quality=90)
        else:
            drawn.save(temporary, "PNG", compress_level=3)


def write_detections(rows: Sequence[Row], names: Sequence[str], folder: Path) -> tuple[Path, Path]:
    """Write ``detections.json`` in COCO format and ``detections.csv``; return their paths.

    In COCO's file images are numbered in the order of ``rows`` and classes by their labels, and every annotation has a
    ``score``. The CSV has a line for each object: file, class, score, corners in pixels.

    Args:
        rows: of pictures that could be read, see :func:`as_row`.
        names: of the classes, the first is label 1's.

    Raises:
        FileError: a file cannot be written.
    """
    coco, table = folder / "detections.json", folder / "detections.csv"
    images = (
        {"id": number, "file_name": row["file"], "width": row["size"][1], "height": row["size"][0]}
        for number, row in enumerate(rows, start=1)
    )
    categories = ({"id": label, "name": name} for label, name in enumerate(names, start=1))
    with replacing(coco) as temporary, temporary.open("w", encoding="ascii") as file:
        for key, own in (("images", images), ("categories", categories), ("annotations", _annotations(rows))):
            file.write(("{" if key == "images" else ",") + json.dumps(key) + ":")
            write_list(file, own)
        file.write("}\n")
    with replacing(table) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(_lines(rows, names))
    return coco, table


def _annotations(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    number = 0
    for image, row in enumerate(rows, start=1):
        for place, (x1, y1, x2, y2) in enumerate(row["boxes"]):
            number += 1
            annotation = {
                "id": number,
                "image_id": image,
                "category_id": row["labels"][place],
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": 0,
                "score": row["scores"][place],
            }
            yield annotation | ({"segmentation": row["masks"][place]} if "masks" in row else {})


def _lines(rows: Iterable[Row], names: Sequence[str]) -> Iterator[list[Any]]:
    yield ["file", "class", "score", "x1", "y1", "x2", "y2"]
    for row in rows:
        for box, score, label in zip(row["boxes"], row["scores"], row["labels"]):
            corners = (f"{corner:.2f}" for corner in box)
            yield [printable(row["file"]), printable(names[label - 1]), f"{score:.4f}", *corners]
