"""From a data set's images to a training batch: horizontal flip, scale jitter with crop, normalisation.

Flips and box arithmetic are done where the data lies; the jitter resamples images and masks on the device that trains,
so that reading stays cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nas.datasets.colour import IMAGENET_MEAN, IMAGENET_STD
from nas.datasets.dataset import DetectionData, Objects
from search_spaces.settings import not_above, positive, within

MIN_BOX_SIDE = 1.0  # pixels; what is thinner after the jitter is dropped
MASK_THRESHOLD = 0.5


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
        within("flip", self.flip, 0, 1)
        positive("scale_min", self.scale_min)
        not_above("scale_min", self.scale_min, "scale_max", self.scale_max)

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
    return normalise(torch.from_numpy(np.stack([data.image(index) for index in indices])).to(device))


class Choice(Protocol):
    """An image and what its variation is drawn from; :class:`nas.training.order.Pick` is one."""

    @property
    def image(self) -> int:
        """Index of the image."""

    def generator(self) -> np.random.Generator:
        """A new generator, the same at every call."""


@dataclass(frozen=True, slots=True)
class RawBatch:
    """A batch as it leaves the data set, on the CPU: flipped, its boxes final, its pixels not yet scaled.

    Attributes:
        images: [B, 3, S, S] uint8.
        targets: per image ``{"boxes": [n, 4] xyxy pixels, "labels": [n] 1..K}``, and ``"masks"`` [n, S, S] bool where
            they were asked for, not yet scaled.
        jitter: [B, 3], scale and shift (x, y) still to be applied to images and masks; None without jitter.
        resized: whether the images have their jitter already, so that it is left to be applied to masks alone.
    """

    images: Tensor
    targets: tuple[dict[str, Tensor], ...]
    jitter: NDArray[np.float64] | None
    resized: bool = False


def read_batch(
    data: DetectionData,
    choices: Sequence[Choice],
    settings: AugmentSettings,
    masks: bool = False,
    most_objects: int | None = None,
) -> RawBatch:
    """Draw the variation of each image from its own generator, copy its pixels, work out its targets.

    Args:
        masks: whether the targets have masks; without, none is read.
        most_objects: where an image has more objects, so many are drawn; None takes all.

    Raises:
        ValueError: masks are asked for and an object has none.
    """
    size = data.image_size
    images = np.empty((len(choices), 3, size, size), dtype=np.uint8)
    jitter = np.empty((len(choices), 3)) if settings.jitters else None
    targets = []
    for row, choice in enumerate(choices):
        rng = choice.generator()
        flipped = bool(rng.random() < settings.flip)
        if jitter is not None:
            jitter[row] = _draw_jitter(rng, settings, size)
        if jitter is None or not data.has_views:
            image = data.image(choice.image)
        else:
            image, jitter[row] = _read_view(data, choice.image, jitter[row], flipped)
        images[row] = image[:, :, ::-1] if flipped else image
        target = _target(data.objects(choice.image).trainable(), size, flipped, None if jitter is None else jitter[row])
        targets.append(_finish_target(*target, flipped, size, masks, most_objects, rng))
    return RawBatch(torch.from_numpy(images), tuple(targets), jitter, jitter is not None and data.has_views)


def _read_view(
    data: DetectionData, index: int, jitter: NDArray[np.float64], flipped: bool
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """An image that is resized from its original and not yet flipped, and the jitter that this is after the flip.

    The shift becomes one of whole pixels.
    """
    scale, shift = float(jitter[0]), np.round(jitter[1:])
    image = data.view(index, scale, (int(shift[0]), int(shift[1])))
    if flipped:
        shift[0] = (scale - 1) * data.image_size - shift[0]
    return image, np.asarray([scale, *shift])


def to_device(batch: RawBatch, device: torch.device | str) -> tuple[Tensor, list[dict[str, Tensor]]]:
    """Normalised images [B, 3, S, S] and their targets on the device that trains, where the jitter is applied."""
    images = normalise(batch.images.to(device, non_blocking=True))
    targets = [{name: value.to(device) for name, value in target.items()} for target in batch.targets]
    if batch.jitter is not None:
        grid = _sampling_grid(batch.jitter, images.shape[-1], images.device)
        images = images if batch.resized else _resample(images, grid)
        for target, own in zip(targets, grid):
            if "masks" in target:
                target["masks"] = _resample(target["masks"].float()[None], own[None])[0] > MASK_THRESHOLD
    return images, targets


def _target(
    objects: Objects, size: int, flipped: bool, jitter: NDArray[np.float64] | None
) -> tuple[Objects, NDArray[np.float32]]:
    """The objects that an image shows, and their boxes, flipped and moved."""
    boxes = _flip_boxes(objects.boxes, size) if flipped else objects.boxes
    if jitter is not None:
        boxes = _move_boxes(boxes, jitter, size)
        seen = np.asarray((boxes[:, 2:] - boxes[:, :2] >= MIN_BOX_SIDE).all(axis=1))
        objects, boxes = objects.select(seen), boxes[seen]
    return objects, boxes


def _finish_target(
    objects: Objects,
    boxes: NDArray[np.float32],
    flipped: bool,
    size: int,
    masks: bool,
    most_objects: int | None,
    rng: np.random.Generator,
) -> dict[str, Tensor]:
    """What one image should give: boxes, labels, and masks flipped where they are asked for."""
    if most_objects is not None and len(objects) > most_objects:
        chosen = np.sort(rng.permutation(len(objects))[:most_objects])
        objects, boxes = objects.select(chosen), boxes[chosen]
    target = {"boxes": torch.tensor(boxes), "labels": torch.tensor(objects.labels)}  # copies: the data set stays as is
    if masks:
        target["masks"] = _read_masks(objects, flipped, size)
    return target


def _read_masks(objects: Objects, flipped: bool, size: int) -> Tensor:
    """[n, S, S] bool."""
    if objects.masks is None:
        if len(objects):
            raise ValueError("the data set has no masks")
        return torch.zeros(0, size, size, dtype=torch.bool)
    bitmaps = objects.masks.decode()
    return torch.from_numpy(bitmaps[:, :, ::-1].copy() if flipped else bitmaps)


def _flip_boxes(boxes: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    return np.stack([size - boxes[:, 2], boxes[:, 1], size - boxes[:, 0], boxes[:, 3]], axis=1)


def _draw_jitter(rng: np.random.Generator, settings: AugmentSettings, size: int) -> NDArray[np.float64]:
    """Scale and shift (x, y): a larger image is cropped at a random place, a smaller one stays in its corner."""
    scale = rng.uniform(settings.scale_min, settings.scale_max)
    return np.asarray([scale, *(rng.random(2) * max(scale * size - size, 0.0))])


def _move_boxes(boxes: NDArray[np.float32], jitter: NDArray[np.float64], size: int) -> NDArray[np.float32]:
    """Scale about the upper left corner, move by -shift, clip to the frame."""
    return np.clip(boxes * jitter[0] - np.tile(jitter[1:], 2), 0, size).astype(np.float32)


def _sampling_grid(jitter: NDArray[np.float64], size: int, device: torch.device) -> Tensor:
    """Where output pixels look in the input, [B, S, S, 2]: pixel p shows position (p + shift) / scale."""
    zoom = 1 / jitter[:, 0]
    theta = np.zeros((len(jitter), 2, 3), dtype=np.float32)
    theta[:, 0, 0] = theta[:, 1, 1] = zoom
    theta[:, :, 2] = zoom[:, None] * (1 + 2 * jitter[:, 1:] / size) - 1
    shape = [len(jitter), 1, size, size]
    return functional.affine_grid(torch.from_numpy(theta).to(device), shape, align_corners=False)


def _resample(maps: Tensor, grid: Tensor) -> Tensor:
    """Maps [B, C, S, S] at the positions of a grid, bilinear, zero outside."""
    return functional.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
