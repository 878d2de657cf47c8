"""Small data sets in memory."""

import numpy as np

from nas.datasets.colour import MEAN_COLOUR
from nas.datasets.masks import encode_masks, pack_masks
from nas.datasets.square import Annotations, SquareData

SIZE = 64


def annotations(images: int, per_image: int = 1, masks: bool = False) -> Annotations:
    """The same objects of 4 x 4 pixels in every image of 8 x 8, whose originals have 16 x 8 (height, width)."""
    count = images * per_image
    bitmap = np.zeros((1, 8, 8), dtype=bool)
    bitmap[0, 2:6, 1:5] = True
    original = bitmap.repeat(2, axis=1).repeat(2, axis=2)[:, :, :8]
    return Annotations(
        boxes=np.tile(np.asarray([[1, 2, 5, 6]], dtype=np.float32), (count, 1)),
        labels=np.ones(count, dtype=np.int64),
        areas=np.full(count, 16, dtype=np.float32),
        crowd=np.zeros(count, dtype=np.bool_),
        offsets=np.arange(images + 1) * per_image,
        sizes=np.tile(np.asarray([[16, 8]]), (images, 1)),
        class_names=("a", "ünï"),
        masks=pack_masks(encode_masks(bitmap) * count) if masks else None,
        original_masks=pack_masks(encode_masks(original) * count) if masks else None,
    )


def blank_data(images: int, per_image: int = 1, masks: bool = False) -> SquareData:
    """Black images of 8 x 8 pixels."""
    pictures = np.zeros((images, 3, 8, 8), dtype=np.uint8)
    return SquareData(pictures, annotations(images, per_image, masks), "key", "blank")


def boxes_as_masks(boxes: np.ndarray, size: int) -> np.ndarray:
    """Bitmaps [n, size, size] that fill boxes [n, 4] of whole pixels."""
    bitmaps = np.zeros((len(boxes), size, size), dtype=bool)
    for bitmap, (x1, y1, x2, y2) in zip(bitmaps, boxes.astype(int).tolist()):
        bitmap[y1:y2, x1:x2] = True
    return bitmaps


def masks_as_boxes(bitmaps: np.ndarray) -> np.ndarray:
    """The extents [n, 4] of bitmaps [n, H, W], none of them empty."""
    extents = []
    for bitmap in bitmaps:
        rows, columns = (np.flatnonzero(bitmap.any(axis=axis)) for axis in (1, 0))
        extents.append([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    return np.asarray(extents, dtype=np.float32).reshape(-1, 4)


def white_boxes(*boxes: tuple[int, int, int, int]) -> SquareData:
    """One image of 64 x 64 pixels of the mean colour with white boxes, which are objects with masks."""
    image = np.empty((1, 3, SIZE, SIZE), dtype=np.uint8)
    image[:] = np.asarray(MEAN_COLOUR).reshape(1, 3, 1, 1)
    for x1, y1, x2, y2 in boxes:
        image[0, :, y1:y2, x1:x2] = 255
    corners = np.asarray(boxes, dtype=np.float32)
    masks = pack_masks(encode_masks(boxes_as_masks(corners, SIZE)))
    notes = Annotations(
        boxes=corners,
        labels=np.ones(len(boxes), dtype=np.int64),
        areas=np.ones(len(boxes), dtype=np.float32),
        crowd=np.zeros(len(boxes), dtype=np.bool_),
        offsets=np.asarray([0, len(boxes)]),
        sizes=np.asarray([[SIZE, SIZE]]),
        class_names=("white",),
        masks=masks,
        original_masks=masks,
    )
    return SquareData(image, notes, "key")
