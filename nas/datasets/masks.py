"""Masks of objects, kept as compressed run lengths (COCO's RLE) and unpacked only when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

Size = tuple[int, int]
Selection = slice | NDArray[np.bool_] | NDArray[np.int64]


def encode_masks(bitmaps: NDArray[Any]) -> list[bytes]:
    """Compressed run lengths of bitmaps [n, H, W], boolean or 0 and 1, column by column as COCO counts them."""
    columns = np.asfortranarray(bitmaps.transpose(1, 2, 0), dtype=np.uint8)
    return [bytes(encoded["counts"]) for encoded in coco_mask.encode(columns)]


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """The masks of the objects of one image; nothing is read from ``data`` before a mask is asked for.

    Attributes:
        size: (H, W) of the bitmaps.
        data: [bytes] uint8, the run lengths of many objects.
        starts, ends: [n] int64, where in ``data`` each object's lie; equal for an object without a mask.
    """

    size: Size
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, selection: Selection) -> Masks:
        """The masks of some of the objects."""
        return Masks(self.size, self.data, self.starts[selection], self.ends[selection])

    @property
    def present(self) -> NDArray[np.bool_]:
        """[n], whether an object has a mask."""
        return np.asarray(self.ends > self.starts)

    def encoded(self) -> list[dict[str, Any]]:
        """The masks as pycocotools takes them: ``size`` [H, W] and ``counts``, compressed run lengths.

        Raises:
            ValueError: an object has no mask.
        """
        if not self.present.all():
            raise ValueError(f"{int((~self.present).sum())} of {len(self)} objects have no mask")
        spans = zip(self.starts.tolist(), self.ends.tolist())
        return [{"size": list(self.size), "counts": self.data[start:end].tobytes()} for start, end in spans]

    def decode(self) -> NDArray[np.bool_]:
        """The bitmaps, [n, H, W].

        Raises:
            ValueError: an object has no mask.
        """
        if not len(self):
            return np.zeros((0, *self.size), dtype=np.bool_)
        return np.ascontiguousarray(coco_mask.decode(self.encoded()).transpose(2, 0, 1)).view(np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class PackedMasks:
    """The masks of all objects of a data set in two flat arrays, which may be memory-mapped.

    Attributes:
        data: [bytes] uint8, compressed run lengths, object after object.
        offsets: [M + 1] int64; object m owns ``data[offsets[m] : offsets[m + 1]]``, nothing when it has no mask.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        if int(self.offsets[-1]) != len(self.data):
            raise ValueError("its masks and their offsets do not belong together")

    def of(self, rows: slice, size: Size) -> Masks:
        """The masks of consecutive objects, those of one image of (H, W) pixels."""
        ends = slice(rows.start + 1, rows.stop + 1)
        return Masks(size, self.data, self.offsets[rows], self.offsets[ends])


def pack_masks(counts: Sequence[bytes | None]) -> PackedMasks | None:
    """Compressed run lengths of all objects, None for an object without a mask; None when no object has one."""
    if not any(counts):
        return None
    lengths = [len(one or b"") for one in counts]
    data = np.frombuffer(b"".join(one or b"" for one in counts), dtype=np.uint8)
    return PackedMasks(data, np.cumsum([0, *lengths], dtype=np.int64))
