"""What a training is fed, and what it finds beside what is there, as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.datasets.colour import IMAGENET_MEAN, IMAGENET_STD
from nas.detectors import Network, as_detector
from nas.reporting.mosaic import Tile, draw_mosaic
from nas.training.step import Batch
from nas.training.validation import Validation

FED, FIXED = 16, 6
"""Pictures of the mosaic of batches, and pictures whose predictions are drawn."""
LEAST_SCORE, MOST_SHOWN = 0.3, 20


def draw_batches(batches: Sequence[Batch], class_names: Sequence[str], path: Path) -> Path:
    """The first pictures of training batches as the network gets them: varied, with their boxes.

    Raises:
        FileError: the file cannot be written.
    """
    tiles = [
        _tile(image, target["boxes"], target["labels"], [class_names[int(label) - 1] for label in target["labels"]])
        for images, targets in batches
        for image, target in zip(images, targets)
    ]
    return draw_mosaic(tiles[:FED], path)


def draw_predictions(network: Network, validation: Validation, path: Path) -> Path:
    """The same few pictures each time: on the left what is there, on the right what is found.

    Raises:
        FileError: the file cannot be written.
    """
    data, names = validation.data, validation.data.class_names
    device = next(network.parameters()).device
    tiles = []
    for index in fixed_pictures(validation.indices):
        image = validation.read(data, [index], device)
        found = _shown(as_detector(network, "a picture of predictions").detect(image, validation.settings)[0])
        objects = data.objects(index)
        there = [names[label - 1] for label in objects.labels.tolist()]
        said = [f"{names[int(one) - 1]} {score:.2f}" for one, score in zip(found["labels"], found["scores"].tolist())]
        boxes, labels = torch.from_numpy(objects.boxes), torch.from_numpy(objects.labels)
        tiles.append(_tile(image[0], boxes, labels, there, data.image_name(index)))
        tiles.append(_tile(image[0], found["boxes"], found["labels"], said, "found"))
    return draw_mosaic(tiles, path)


def fixed_pictures(indices: Sequence[int]) -> list[int]:
    """A few of the indices, evenly spread, the same each time."""
    count = min(FIXED, len(indices))
    return [indices[number * len(indices) // count] for number in range(count)]


def _shown(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The detections that are drawn: those with a fair score, the best ones."""
    fair = found["scores"] >= LEAST_SCORE
    return {name: found[name][fair][:MOST_SHOWN] for name in ("boxes", "labels", "scores")}


def _tile(image: Tensor, boxes: Tensor, labels: Tensor, captions: Sequence[str], title: str = "") -> Tile:
    corners = boxes.detach().cpu().numpy().reshape(-1, 4).astype(np.float32)
    return Tile(_pixels(image), corners, labels.tolist(), captions, title)


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    """A normalised image [3, S, S] as [S, S, 3] uint8."""
    mean, std = (np.asarray(values, dtype=np.float32) * 255 for values in (IMAGENET_MEAN, IMAGENET_STD))
    pixels = image.detach().float().cpu().numpy().transpose(1, 2, 0) * std + mean
    return np.asarray(np.clip(pixels.round(), 0, 255), dtype=np.uint8)
