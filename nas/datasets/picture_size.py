"""How large a picture may be: as large as the memory that is free, in place of Pillow's fixed number of pixels."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

LARGE = 2**26
"""Pixels; pictures larger than this are decoded one at a time, and only where their memory is free."""

_BYTES = {"1": 2, "L": 2, "P": 5}  # a pixel, decoded and converted
_MOST_BYTES = 8
_counting, _decoding = threading.Lock(), threading.Lock()
_open_pictures, _limit = 0, Image.MAX_IMAGE_PIXELS


class Refused(ValueError):
    """A picture that is not read, though it may be sound; the message is a clause that follows the file's name."""


@contextmanager
def without_pillows_limit() -> Iterator[None]:
    """Lift Pillow's limit, which holds for the whole process, as long as a thread is in such a block."""
    global _open_pictures, _limit
    with _counting:
        if _open_pictures == 0:
            _limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _open_pictures += 1
    try:
        yield
    finally:
        with _counting:
            _open_pictures -= 1
            if _open_pictures == 0:
                Image.MAX_IMAGE_PIXELS = _limit


@contextmanager
def room_for(image: Image.Image) -> Iterator[None]:
    """Decode in this block: a large picture waits until no other large one is being decoded.

    Raises:
        Refused: it needs more memory than is free, so that the system would end the process.
    """
    pixels = image.width * image.height
    if pixels <= LARGE:
        yield
        return
    with _decoding:
        needed, free = pixels * _BYTES.get(image.mode, _MOST_BYTES), free_memory()
        if free is not None and needed > free:
            raise Refused(
                f"is {image.width} x {image.height} pixels, which take {needed / 1e9:.1f} GB of memory to decode; "
                f"{free / 1e9:.1f} GB are free. Make the picture smaller, or free memory"
            )
        yield


def free_memory() -> int | None:
    """Bytes that Linux can give without swapping; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
