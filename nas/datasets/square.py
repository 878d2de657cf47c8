"""A detection data set in plain arrays: images resized to squares, and their objects in flat arrays.

The long side of an image is resized to S and the ratio kept; the image lies in the upper left corner, the rest is the
mean colour, which normalisation turns into zero.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nas.datasets.colour import MEAN_COLOUR
from nas.datasets.dataset import DetectionData, Objects
from nas.datasets.dropped import Dropped
from nas.datasets.masks import PackedMasks, Size
from nas.datasets.pixels import Picture

Shift = tuple[int, int]
"""(x, y) in pixels."""


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
        image_ids: [N] int64, what the data set's own file calls the images; None where there is no such file.
        category_ids: [K] int64, the same of the classes.
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
    image_ids: NDArray[np.int64] | None = None
    category_ids: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        counts = {len(self.boxes), len(self.labels), len(self.areas), len(self.crowd), int(self.offsets[-1])}
        counts |= {len(packed.offsets) - 1 for packed in (self.masks, self.original_masks) if packed is not None}
        if len(counts) != 1 or len(self.offsets) != len(self.sizes) + 1:
            raise ValueError("its arrays do not belong together")

    def rows(self, index: int) -> slice:
        """The rows of image ``index``."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))


@dataclass(frozen=True, slots=True)
class About:
    """What is to be known of a data set beside its content.

    Attributes:
        identity: its fingerprint; empty where that is the key that it is kept under.
        remarks: sentences, without their full stop, about what was made of the data set when it was read.
        dropped: what was left out; None where nothing was.
    """

    identity: str = ""
    remarks: tuple[str, ...] = ()
    dropped: Dropped | None = None


NOTHING_SAID = About()


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """The files of N images, in their order; the names are read when they are asked for.

    Attributes:
        folder: where the names begin.
        names: a JSON file with ``names``, and with ``as_stored``, the positions of the pictures that are not turned as
            their EXIF orientation says.
    """

    folder: Path
    names: Path

    def read(self) -> tuple[list[Path], frozenset[int]]:
        """The paths of all pictures, and the positions of those that are read as stored."""
        names, as_stored = self.read_names()
        return [self.folder / name for name in names], as_stored

    def read_names(self) -> tuple[list[str], frozenset[int]]:
        """The same with the names below the folder."""
        content = json.loads(self.names.read_text(encoding="ascii"))
        return content["names"], frozenset(content["as_stored"])


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

    def view(self, index: int, scale: float, shift: Shift) -> NDArray[np.uint8]:
        """As :meth:`nas.datasets.dataset.DetectionData.view`."""


@dataclass(frozen=True, slots=True, eq=False)
class SquareData(DetectionData):
    """Square images with their annotations.

    Attributes:
        images: [N, 3, S, S] uint8, usually memory-mapped and read-only, or pictures that are decoded when asked for.
        annotations: the objects of the N images.
        fingerprint, source: see :class:`DetectionData`.
        about: what was said when the data set was read.
        pictures: the files that the images were decoded from; None where there are none.
    """

    images: NDArray[np.uint8] | Pictures
    annotations: Annotations
    fingerprint: str
    source: str = "in memory"
    about: About = NOTHING_SAID
    pictures: PictureFiles | None = None

    def __post_init__(self) -> None:
        if len(self.images) != len(self.annotations.sizes):
            raise ValueError("its images and annotations do not belong together")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def dropped(self) -> Dropped | None:
        """What was left out for its faults; None where nothing was."""
        return self.about.dropped

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

    def view(self, index: int, scale: float, shift: Shift) -> NDArray[np.uint8]:
        """See :meth:`DetectionData.view`."""
        if isinstance(self.images, np.ndarray):
            return DetectionData.view(self, index, scale, shift)
        return self.images.view(index, scale, shift)

    def objects(self, index: int) -> Objects:
        """The objects of image ``index`` in pixels of the square image; masks are not read before they are used."""
        notes, rows, side = self.annotations, self.annotations.rows(index), self.image_size
        masks = None if notes.masks is None else notes.masks.of(rows, (side, side))
        return Objects(notes.boxes[rows], notes.labels[rows], notes.areas[rows], notes.crowd[rows], masks)

    def image_id(self, index: int) -> int:
        """What the data set's own file calls image ``index``; its position where there is no such file."""
        ids = self.annotations.image_ids
        return index if ids is None else int(ids[index])

    def category_id(self, label: int) -> int:
        """What the data set's own file calls the class of ``label``; the label where there is no such file."""
        ids = self.annotations.category_ids
        return label if ids is None else int(ids[label - 1])

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
        return boxes / square_scale(self.original_size(index), self.image_size)


def square_scale(size: Size, image_size: int) -> np.float32:
    """By how much a picture of (height, width) pixels is resized to lie in a square of ``image_size``."""
    return np.float32(image_size / max(size))


def to_square(
    picture: Picture, image_size: int, upright: bool = True, scale: float = 1.0, shift: Shift = (0, 0)
) -> NDArray[np.uint8]:
    """The pixels of a picture as a square image [3, S, S], for training and for detecting alike.

    Args:
        picture: opened, and not yet read.
        image_size: side S in pixels.
        upright: as in :meth:`nas.datasets.pixels.Picture.read`.
        scale, shift: the square is enlarged by this factor and then moved by -shift, so that position p shows what is
            at (p + shift) / scale without. The pixels are resized once, from the file.

    Raises:
        Exception: as :meth:`nas.datasets.pixels.Picture.read`.
    """
    within = size_in_square(picture.size if upright else picture.stored_size, image_size, scale)
    return on_square(picture.read(within, upright, draft=True), image_size, shift)


def size_in_square(size: Size, image_size: int, scale: float = 1.0) -> Size:
    """(height, width) that a picture of (height, width) pixels has within the square, enlarged by ``scale``."""
    height, width = (max(1, round(side * (scale * image_size / max(size)))) for side in size)
    return height, width


def on_square(pixels: NDArray[np.uint8], image_size: int, shift: Shift = (0, 0)) -> NDArray[np.uint8]:
    """RGB pixels [h, w, 3] in the upper left corner of a square image [3, S, S], moved by -shift."""
    canvas = np.empty((image_size, image_size, 3), dtype=np.uint8)
    canvas[:] = MEAN_COLOUR
    (rows, own_rows), (columns, own_columns) = (
        _overlap(length, offset, image_size) for length, offset in zip(pixels.shape[:2], reversed(shift))
    )
    canvas[rows, columns] = pixels[own_rows, own_columns]
    return canvas.transpose(2, 0, 1)


def _overlap(length: int, offset: int, frame: int) -> tuple[slice, slice]:
    """Where a line of pixels, moved by -offset, lies in a frame, and which of its pixels lie there."""
    first, last = max(0, -offset), max(0, min(frame, length - offset))
    first = min(first, last)
    return slice(first, last), slice(first + offset, last + offset)
