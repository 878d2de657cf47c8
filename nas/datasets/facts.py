"""What matters about a data set before anything is trained on it: classes, sizes, what is too small to be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.datasets.dataset import DetectionData

FINEST_LEVEL = 3
"""The level of the smallest anchors, whose side is ``anchor_size`` times 2 to this power."""
POSITIVE_IOU = 0.5
"""An anchor is responsible for an object from this intersection over union on."""
SAMPLES = 16


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """The N images and M objects of a split, crowd regions included.

    Attributes:
        class_names: K names, the first is label 1's.
        labels: [M], 1..K.
        owners: [M], the image of each object.
        boxes: [M, 4], x1 y1 x2 y2 in pixels of the original images.
        sizes: [N, 2], height and width of the original images.
        image_size: side of the square images, pixels.
    """

    class_names: tuple[str, ...]
    labels: NDArray[np.int64]
    owners: NDArray[np.int64]
    boxes: NDArray[np.float32]
    sizes: NDArray[np.int64]
    image_size: int

    @property
    def sides(self) -> NDArray[np.float64]:
        """[M], the root of each box's area in pixels of the original image."""
        lengths = (self.boxes[:, 2:] - self.boxes[:, :2]).astype(np.float64)
        return np.sqrt(np.prod(lengths, axis=1))

    @property
    def shares(self) -> NDArray[np.float64]:
        """[M], the part of its picture that each box covers, 0 to 1."""
        return self.sides**2 / np.prod(self.sizes[self.owners], axis=1)

    @property
    def per_image(self) -> NDArray[np.int64]:
        """[N], how many objects each image has."""
        return np.bincount(self.owners, minlength=len(self.sizes))

    @property
    def per_class(self) -> NDArray[np.int64]:
        """[K], how many objects each class has."""
        return np.bincount(self.labels, minlength=len(self.class_names) + 1)[1:]

    def square_sides(self, image_size: int | None = None) -> NDArray[np.float64]:
        """[M], the root of each box's area in pixels of a square image, by default of this size."""
        return self.sides * (image_size or self.image_size) / self.sizes[self.owners].max(axis=1)

    def too_small(self, anchor_size: float, image_size: int | None = None) -> NDArray[np.bool_]:
        """[M], whether an object reaches the overlap from which on an anchor takes it with no anchor at all.

        A box that covers less than half of the smallest anchor has an intersection over union below 0.5 with it, and
        with all larger ones, wherever it lies. Only the one nearest anchor learns it.
        """
        return self.square_sides(image_size) < least_side(anchor_size)


def least_side(anchor_size: float) -> float:
    """The side in pixels of a square image below which no anchor takes an object."""
    return float(anchor_size * 2**FINEST_LEVEL * np.sqrt(POSITIVE_IOU))


def find_facts(data: DetectionData) -> Facts:
    """The facts of all images."""
    objects = [data.original_objects(index) for index in range(len(data))]
    return Facts(
        data.class_names,
        np.concatenate([one.labels for one in objects]),
        np.repeat(np.arange(len(data)), [len(one) for one in objects]),
        np.concatenate([one.boxes for one in objects]).reshape(-1, 4),
        np.asarray([data.original_size(index) for index in range(len(data))], dtype=np.int64).reshape(-1, 2),
        data.image_size,
    )


def choose_samples(facts: Facts, count: int = SAMPLES) -> tuple[int, ...]:
    """Images to look at, always the same ones: first such that show a class not yet seen, then any with objects."""
    order = np.random.default_rng(0).permutation(len(facts.sizes)).tolist()
    starts = np.searchsorted(facts.owners, np.arange(len(facts.sizes) + 1))
    shown = [set(facts.labels[starts[at] : starts[at + 1]].tolist()) for at in range(len(facts.sizes))]
    seen, chosen = set[int](), list[int]()
    for index in order:
        if len(chosen) < count and shown[index] - seen:
            chosen.append(index)
            seen |= shown[index]
    rest: Sequence[int] = sorted((index for index in order if index not in set(chosen)), key=lambda at: not shown[at])
    return tuple(sorted([*chosen, *rest[: count - len(chosen)]]))
