"""What a detection data set offers: square images, the objects in them, and the way back to the original images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.datasets.dropped import Dropped
from nas.datasets.masks import Masks, Selection, Size
from search_spaces.errors import DataError

PAPER_RESERVED_IMAGES = 7392


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The objects of one image; ``boxes, labels = objects`` unpacks what most callers want, and so do indices 0 and 1.

    Attributes:
        boxes: [n, 4] float32, x1 y1 x2 y2 in pixels.
        labels: [n] int64, 1..K.
        areas: [n] float32, in square pixels of the original image (COCO's size ranges are about the original).
        crowd: [n] bool; crowd regions are not trained on and are ignored in evaluation.
        masks: of the n objects; None when the data set has none.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    areas: NDArray[np.float32]
    crowd: NDArray[np.bool_]
    masks: Masks | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> NDArray[Any]:
        """0 for boxes, 1 for labels."""
        return (self.boxes, self.labels)[index]

    def select(self, selection: Selection) -> Objects:
        """Some of the objects."""
        masks = None if self.masks is None else self.masks[selection]
        return Objects(
            self.boxes[selection], self.labels[selection], self.areas[selection], self.crowd[selection], masks
        )

    def trainable(self) -> Objects:
        """The objects to train on: all but crowd regions."""
        return self.select(~self.crowd) if self.crowd.any() else self

    def have_masks(self) -> bool:
        """Whether each of the objects has a mask."""
        return not len(self) or (self.masks is not None and bool(self.masks.present.all()))


class DetectionData(ABC):
    """Square images of one size with their objects.

    Attributes:
        fingerprint: 16 hexadecimal digits that stand for the content.
        source: what the data set is called in a sentence, for example its annotation file.
    """

    fingerprint: str
    source: str

    @property
    def dropped(self) -> Dropped | None:
        """What was left out for its faults; None where nothing was."""
        return None

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """K names, the first is label 1's."""

    @property
    @abstractmethod
    def image_size(self) -> int:
        """Side S of the square images in pixels."""

    @abstractmethod
    def __len__(self) -> int:
        """How many images there are."""

    @abstractmethod
    def image(self, index: int) -> NDArray[np.uint8]:
        """Image ``index``, [3, S, S]; what lies outside the original image has the mean colour."""

    def image_name(self, index: int) -> str:
        """What image ``index`` is called in a sentence: its file, where that is known."""
        return f"image {index}"

    @property
    def has_views(self) -> bool:
        """Whether :meth:`view` can be asked for, because the originals are at hand."""
        return False

    def view(self, index: int, scale: float, shift: tuple[int, int]) -> NDArray[np.uint8]:
        """Image ``index`` enlarged by ``scale`` and then moved by -shift (x, y), [3, S, S], resized from its original.

        Position p shows what is at (p + shift) / scale in :meth:`image`; what lies outside has the mean colour.

        Raises:
            NotImplementedError: only the squares are at hand, see :attr:`has_views`.
        """
        raise NotImplementedError(f"data set {self.source} has no originals at hand")

    @abstractmethod
    def objects(self, index: int) -> Objects:
        """The objects of image ``index``, boxes and masks in pixels of the square image; crowd regions included."""

    def image_id(self, index: int) -> int:
        """What the data set's own file calls image ``index``; its position where there is no such file."""
        return index

    def category_id(self, label: int) -> int:
        """What the data set's own file calls the class of ``label``; the label where there is no such file."""
        return label

    @abstractmethod
    def original_size(self, index: int) -> Size:
        """(height, width) of the original image in pixels."""

    @abstractmethod
    def original_objects(self, index: int) -> Objects:
        """The same objects as :meth:`objects`, boxes and masks in pixels of the original image."""

    @abstractmethod
    def to_original(self, index: int, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes [n, 4] in pixels of square image ``index`` to pixels of its original."""


def check_masks(data: DetectionData, indices: Sequence[int]) -> None:
    """Check that every object to train on has a mask.

    Raises:
        DataError: one has none.
    """
    counts = [(len(one), one.have_masks()) for one in (data.objects(index).trainable() for index in indices)]
    lacking = sum(not complete for _, complete in counts)
    if lacking:
        raise DataError(
            f"data set {data.source} has no mask for some of its objects, in {lacking} of {len(counts)} images to "
            f"train on; Mask R-CNN learns from masks. Give every annotation a 'segmentation', or train a RetinaNet."
        )


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
    return any(len(data.objects(index).trainable()) for index in indices)
