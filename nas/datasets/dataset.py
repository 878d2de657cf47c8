"""A detection data set as two plain arrays: images of one size, and the boxes in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search_spaces.errors import DataError

PAPER_RESERVED_IMAGES = 7392


@dataclass(frozen=True, slots=True)
class Annotations:
    """The objects of N images, flat: image i owns rows ``offsets[i]`` to ``offsets[i + 1]``.

    Attributes:
        boxes: [M, 4] float32, x1 y1 x2 y2 in pixels of the resized image.
        labels: [M] int64, 1..K.
        areas: [M] float32, in square pixels of the original image (COCO's size ranges are about the original).
        crowd: [M] bool; crowd regions are not trained on and are ignored in evaluation.
        offsets: [N + 1] int64.
        scales: [N] float32, resized pixels per original pixel.
        class_names: K names, the first is label 1's.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    areas: NDArray[np.float32]
    crowd: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    scales: NDArray[np.float32]
    class_names: tuple[str, ...]

    def rows(self, index: int) -> slice:
        """The rows of image ``index``."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))


@dataclass(frozen=True, slots=True)
class DetectionData:
    """Images with their annotations.

    Attributes:
        images: [N, 3, S, S] uint8, usually memory-mapped and read-only; the image lies in the upper left corner, the
            rest is the mean colour, which normalisation turns into zero.
        annotations: the objects of the N images.
        fingerprint: 16 hexadecimal digits that stand for the content.
    """

    images: NDArray[np.uint8]
    annotations: Annotations
    fingerprint: str

    def __len__(self) -> int:
        return len(self.images)

    @property
    def image_size(self) -> int:
        """Side S of the square images in pixels."""
        return int(self.images.shape[-1])

    @property
    def class_names(self) -> tuple[str, ...]:
        """K names, the first is label 1's."""
        return self.annotations.class_names

    def objects(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Boxes [n, 4] and labels [n] to train on in image ``index``, crowd regions left out."""
        rows = self.annotations.rows(index)
        keep = ~self.annotations.crowd[rows]
        return self.annotations.boxes[rows][keep], self.annotations.labels[rows][keep]


@dataclass(frozen=True, slots=True)
class Split:
    """Image indices to train on and those reserved for measuring AP; disjoint, each ascending."""

    train: tuple[int, ...]
    reserved: tuple[int, ...]


def reserve(data: DetectionData, reserved_images: int | None = None, seed: int = 0) -> Split:
    """Reserve images of a training split for measuring AP (the paper reserves 7392, section 5.1).

    Args:
        reserved_images: how many; None means 7392 or a quarter of the split, whichever is smaller.
        seed: which ones; the same seed always reserves the same images.

    Raises:
        DataError: the number leaves nothing to train on or to measure with, or the reserved images hold no object.
    """
    count = len(data)
    wanted = min(PAPER_RESERVED_IMAGES, count // 4) if reserved_images is None else reserved_images
    if not 1 <= wanted < count:
        raise DataError(
            f"reserved_images is {wanted} and the training split has {count} images; "
            f"reserve at least 1 and leave at least 1 to train on."
        )
    order = np.random.default_rng(seed).permutation(count)
    split = Split(tuple(sorted(order[wanted:].tolist())), tuple(sorted(order[:wanted].tolist())))
    for name, indices in (("reserved", split.reserved), ("remaining", split.train)):
        if not _holds_an_object(data, indices):
            raise DataError(
                f"the {len(indices)} {name} images of the training split hold no object, so nothing could be "
                f"{'measured' if name == 'reserved' else 'learnt'}; change reserved_images or the reservation's seed."
            )
    return split


def _holds_an_object(data: DetectionData, indices: Sequence[int]) -> bool:
    return any(len(data.objects(index)[0]) for index in indices)
