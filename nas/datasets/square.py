"""A detection data set in plain arrays: images resized to squares, and their objects in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nas.datasets.dataset import DetectionData, Objects
from nas.datasets.masks import PackedMasks, Size


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """The objects of N images, flat: image i owns rows ``offsets[i]`` to ``offsets[i + 1]``.

    Attributes:
        boxes: [M, 4] float32, x1 y1 x2 y2 in pixels of the square image.
        labels, areas, crowd: [M], as in :class:`nas.datasets.dataset.Objects`.
        offsets: [N + 1] int64.
        sizes: [N, 2] int64, height and width of the original images in pixels.
        class_names: K names, the first is label 1's.
        masks: of the M objects in pixels of the square image; None when the data set has none.
        original_masks: the same in pixels of the original image.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    areas: NDArray[np.float32]
    crowd: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    class_names: tuple[str, ...]
    masks: PackedMasks | None = None
    original_masks: PackedMasks | None = None

    def __post_init__(self) -> None:
        counts = {len(self.boxes), len(self.labels), len(self.areas), len(self.crowd), int(self.offsets[-1])}
        counts |= {len(packed.offsets) - 1 for packed in (self.masks, self.original_masks) if packed is not None}
        if len(counts) != 1 or len(self.offsets) != len(self.sizes) + 1:
            raise ValueError("its arrays do not belong together")

    def rows(self, index: int) -> slice:
        """The rows of image ``index``."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))


class Pictures(Protocol):
    """Square images [N, 3, S, S] that are made when they are asked for, as :mod:`nas.datasets.live` does."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, S, S)."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """Image ``index``, [3, S, S]."""

    def name(self, index: int) -> str:
        """The file of image ``index``, as it is called in a sentence."""

    def view(self, index: int, scale: float, shift: tuple[int, int]) -> NDArray[np.uint8]:
        """As :meth:`nas.datasets.dataset.DetectionData.view`."""


@dataclass(frozen=True, slots=True, eq=False)
class SquareData(DetectionData):
    """Images with their annotations.

    The long side of an image is resized to S and the ratio kept; the image lies in the upper left corner, the rest is
    the mean colour, which normalisation turns into zero.

    Attributes:
        images: [N, 3, S, S] uint8, usually memory-mapped and read-only, or pictures that are decoded when asked for.
        annotations: the objects of the N images.
        fingerprint, source: see :class:`DetectionData`.
        remarks: sentences, without their full stop, about what was made of the data set when it was read.
    """

    images: NDArray[np.uint8] | Pictures
    annotations: Annotations
    fingerprint: str
    source: str = "in memory"
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.images) != len(self.annotations.sizes):
            raise ValueError("its images and annotations do not belong together")

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

    def image(self, index: int) -> NDArray[np.uint8]:
        """Image ``index``, [3, S, S]."""
        return self.images[index]

    def image_name(self, index: int) -> str:
        """See :meth:`DetectionData.image_name`."""
        if isinstance(self.images, np.ndarray):
            return DetectionData.image_name(self, index)
        return self.images.name(index)

    @property
    def has_views(self) -> bool:
        """Whether images are decoded when they are asked for."""
        return not isinstance(self.images, np.ndarray)

    def view(self, index: int, scale: float, shift: tuple[int, int]) -> NDArray[np.uint8]:
        """See :meth:`DetectionData.view`."""
        if isinstance(self.images, np.ndarray):
            return DetectionData.view(self, index, scale, shift)
        return self.images.view(index, scale, shift)

    def objects(self, index: int) -> Objects:
        """The objects of image ``index`` in pixels of the square image; masks are not read before they are used."""
        notes, rows, side = self.annotations, self.annotations.rows(index), self.image_size
        masks = None if notes.masks is None else notes.masks.of(rows, (side, side))
        return Objects(notes.boxes[rows], notes.labels[rows], notes.areas[rows], notes.crowd[rows], masks)

    def original_size(self, index: int) -> Size:
        """(height, width) of the original image in pixels."""
        height, width = self.annotations.sizes[index].tolist()
        return height, width

    def original_objects(self, index: int) -> Objects:
        """The objects of image ``index`` in pixels of the original image."""
        notes, rows = self.annotations, self.annotations.rows(index)
        boxes = self.to_original(index, notes.boxes[rows])
        packed = notes.original_masks
        masks = None if packed is None else packed.of(rows, self.original_size(index))
        return Objects(boxes, notes.labels[rows], notes.areas[rows], notes.crowd[rows], masks)

    def to_original(self, index: int, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes [n, 4] in pixels of square image ``index`` to pixels of its original."""
        return boxes / np.float32(self.image_size / max(self.original_size(index)))
