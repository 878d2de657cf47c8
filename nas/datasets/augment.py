"""From cached images to a training batch: horizontal flip, scale jitter with crop, normalisation.

Flips and box arithmetic are done where the data lies; the jitter resamples the whole batch in one call on the device
that trains, so that reading stays cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nas.datasets.dataset import DetectionData
from search_spaces.errors import ConfigError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MEAN_COLOUR = tuple(round(255 * value) for value in IMAGENET_MEAN)
MIN_BOX_SIDE = 1.0


@dataclass(frozen=True, slots=True)
class AugmentSettings:
    """How a training image is varied.

    Attributes:
        flip: probability of a horizontal flip.
        scale_min, scale_max: the image is scaled by a factor drawn uniformly from this range, then cropped at a
            random place or padded with zeros to its former size; 1 and 1 leave it as it is.
    """

    flip: float = 0.5
    scale_min: float = 1.0
    scale_max: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.flip <= 1:
            raise ConfigError(f"flip is {self.flip}; it is a probability, 0 to 1.")
        if not 0 < self.scale_min <= self.scale_max:
            raise ConfigError(
                f"scale_min is {self.scale_min} and scale_max {self.scale_max}; 0 < scale_min <= scale_max is due."
            )

    @property
    def jitters(self) -> bool:
        """Whether the scale varies."""
        return (self.scale_min, self.scale_max) != (1.0, 1.0)


def normalise(images: Tensor) -> Tensor:
    """uint8 images [B, 3, H, W] to float32, ImageNet mean 0 and standard deviation 1; mean colour becomes about 0."""
    mean, std = (
        torch.tensor(values, device=images.device).view(1, 3, 1, 1) * 255 for values in (IMAGENET_MEAN, IMAGENET_STD)
    )
    return images.float().sub_(mean).div_(std)


def read_images(data: DetectionData, indices: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
    """Normalised images [B, 3, S, S] of the given indices."""
    return normalise(torch.from_numpy(np.ascontiguousarray(data.images[list(indices)])).to(device))


@dataclass(frozen=True, slots=True)
class RawBatch:
    """A batch as it leaves the memory map, on the CPU: flipped, its targets final, its images not yet scaled.

    Attributes:
        images: [B, 3, S, S] uint8.
        targets: per image ``{"boxes": [n, 4] xyxy pixels, "labels": [n] 1..K}``.
        scales, shifts: [B] and [B, 2], the jitter still to be applied to the images; None without jitter.
    """

    images: Tensor
    targets: tuple[dict[str, Tensor], ...]
    scales: NDArray[np.float64] | None
    shifts: NDArray[np.float64] | None


def read_batch(
    data: DetectionData, indices: Sequence[int], rng: np.random.Generator, settings: AugmentSettings
) -> RawBatch:
    """Draw the variation of a batch from ``rng``, copy its images, work out its targets."""
    size = data.image_size
    flips = rng.random(len(indices)) < settings.flip
    scales = rng.uniform(settings.scale_min, settings.scale_max, len(indices))
    shifts = rng.random((len(indices), 2)) * np.maximum(scales * size - size, 0)[:, None]
    stacked = np.empty((len(indices), 3, size, size), dtype=np.uint8)
    targets = []
    for row, index in enumerate(indices):
        image = data.images[index]
        stacked[row] = image[:, :, ::-1] if flips[row] else image
        boxes, labels = data.objects(index)
        if flips[row]:
            boxes = np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], axis=1)
        if settings.jitters:
            boxes, labels = _jitter_boxes(boxes, labels, scales[row], shifts[row], size)
        targets.append({"boxes": torch.from_numpy(boxes), "labels": torch.from_numpy(labels)})
    jitter = (scales, shifts) if settings.jitters else (None, None)
    return RawBatch(torch.from_numpy(stacked), tuple(targets), *jitter)


def to_device(batch: RawBatch, device: torch.device | str) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """Normalised images [B, 3, S, S] and their targets on the device that trains, where the jitter is applied."""
    images = normalise(batch.images.to(device, non_blocking=True))
    if batch.scales is not None and batch.shifts is not None:
        images = _jitter_images(images, batch.scales, batch.shifts)
    return images, [{name: value.to(device) for name, value in target.items()} for target in batch.targets]


def _jitter_boxes(
    boxes: NDArray[np.float32], labels: NDArray[np.int64], scale: float, shift: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Scale about the upper left corner, move by -shift, clip to the frame; what is too thin to see is dropped."""
    moved = np.clip(boxes * scale - np.tile(shift, 2), 0, size).astype(np.float32)
    keep = (moved[:, 2:] - moved[:, :2] >= MIN_BOX_SIDE).all(axis=1)
    return moved[keep], labels[keep]


def _jitter_images(images: Tensor, scales: NDArray[np.float64], shifts: NDArray[np.float64]) -> Tensor:
    """The same for images: output pixel p shows input position (p + shift) / scale, zero outside."""
    size = images.shape[-1]
    zoom = 1 / scales
    offset = zoom[:, None] * (1 + 2 * shifts / size) - 1
    theta = np.zeros((len(scales), 2, 3), dtype=np.float32)
    theta[:, 0, 0] = theta[:, 1, 1] = zoom
    theta[:, :, 2] = offset
    grid = functional.affine_grid(torch.from_numpy(theta).to(images.device), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
