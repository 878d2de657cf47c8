"""What of a PNG file belongs to its picture, in an order that tells all of it before the pixels.

Pillow refuses a picture whose text or colour profile, unpacked, is longer than a limit of its own, and pixels need
neither. It decodes all pixels to look for an EXIF chunk that lies behind them. The layout of chunks:
https://www.w3.org/TR/png-3/#5Chunk-layout.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEFT_OUT = frozenset((b"tEXt", b"zTXt", b"iTXt", b"iCCP"))
_EXIF, _PIXELS = b"eXIf", b"IDAT"
_HEADER = struct.Struct(">I4s")  # length of the data, kind
_CHECKSUM = 4


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A chunk's kind, and where it begins and ends in its file, in bytes."""

    kind: bytes
    start: int
    end: int


def pixels_alone(stream: BinaryIO) -> BinaryIO:
    """The same file without text and colour profile, and with EXIF before the pixels; from its start.

    Where nothing is to be changed that is the stream itself. A file that is no PNG, or ends early, is left for the
    decoder to judge.
    """
    chunks = list(_chunks(stream))
    kinds = [chunk.kind for chunk in chunks]
    late = _EXIF in kinds and _PIXELS in kinds and kinds.index(_EXIF) > kinds.index(_PIXELS)
    if not late and _LEFT_OUT.isdisjoint(kinds):
        stream.seek(0)
        return stream
    first, *others = (chunk for chunk in chunks if chunk.kind not in _LEFT_OUT)
    others.sort(key=lambda chunk: chunk.kind != _EXIF)  # the others stay in their order
    parts = [_read(stream, chunk.start, chunk.end) for chunk in (first, *others)]
    return io.BytesIO(SIGNATURE + b"".join(parts))


def _chunks(stream: BinaryIO) -> Iterator[_Chunk]:
    """The chunks of a PNG file in their order, the last one perhaps cut short; nothing for any other file."""
    stream.seek(0)
    if stream.read(len(SIGNATURE)) != SIGNATURE:
        return
    start = len(SIGNATURE)
    while len(header := stream.read(_HEADER.size)) == _HEADER.size:
        length, kind = _HEADER.unpack(header)
        end = start + _HEADER.size + length + _CHECKSUM
        yield _Chunk(kind, start, end)
        start = stream.seek(end)


def _read(stream: BinaryIO, start: int, end: int) -> bytes:
    stream.seek(start)
    return stream.read(end - start)
