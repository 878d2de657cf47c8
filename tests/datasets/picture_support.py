"""Picture files of kinds that Pillow does not write, made byte by byte, and pictures with an EXIF orientation."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.datasets.pixels import opened

GREY = np.random.default_rng(0).integers(54, 146, (20, 30))
"""What the pictures show: grey levels [20, 30] of 8 bits, neither black nor white."""

COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}
"""Channels -> PNG's colour type."""


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(values: NDArray[Any], before: bytes = b"", after: bytes = b"", size: tuple[int, int] | None = None) -> bytes:
    """A PNG file of 16 bits a channel from values [H, W] or [H, W, C], with further chunks before and after its pixels.

    Args:
        size: (width, height) that its header claims.
    """
    channels = values.shape[2] if values.ndim == 3 else 1
    width, height = size or (values.shape[1], values.shape[0])
    header = struct.pack(">IIBBBBB", width, height, 16, COLOURS[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in values.astype(">u2"))
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + pixels + after + chunk(b"IEND", b"")


def tiff(values: NDArray[Any], photometric: int = 1, declared_bits: int | None = None) -> bytes:
    """A TIFF file without compression, in the byte order of the values [H, W] or [H, W, 3].

    Args:
        photometric: 0 for white is zero, 1 for black is zero, 2 for RGB.
        declared_bits: what its greatest sample value (tag 281) says; None leaves the tag out.
    """
    order = ">" if values.dtype.byteorder == ">" else "<"
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags: list[tuple[int, int, list[int]]] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [8 * values.dtype.itemsize] * channels),
        (259, 3, [1]),
        (262, 3, [photometric]),
        (273, 4, [0]),
        (277, 3, [channels]),
        (278, 4, [height]),
        (279, 4, [values.nbytes]),
        *([(281, 3, [2**declared_bits - 1])] if declared_bits else []),
        (339, 3, [kind] * channels),
    ]
    start = 8 + 2 + 12 * len(tags) + 4
    more = b"".join(struct.pack(f"{order}{len(data)}H", *data) for _, _, data in tags if len(data) > 2)
    out = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(tags))
    place = start
    for number, type_, data in tags:
        out += struct.pack(f"{order}HHI", number, type_, len(data))
        if len(data) > 2:
            out += struct.pack(f"{order}I", place)
            place += 2 * len(data)
        else:
            value = start + len(more) if number == 273 else data[0]
            out += struct.pack(f"{order}I", value) if type_ == 4 else struct.pack(f"{order}HH", value, 0)
    return out + struct.pack(f"{order}I", 0) + more + values.tobytes()


def exif(orientation: int) -> Image.Exif:
    """EXIF with an orientation alone."""
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def read(path: Path, **options: Any) -> NDArray[np.uint8]:
    """A file's pixels, [H, W, 3]."""
    with opened(path) as picture:
        return picture.read(**options)
