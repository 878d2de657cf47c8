"""Rows out of a damaged record without SQLite, which refuses a whole table when one of its pages is damaged.

A row lies in the file in one piece, and a long one goes on in a chain of overflow pages. So the bytes are searched for
what every row begins with, wherever that is: neither the tree of pages nor the heads of pages are needed. Its checksum
says whether what was found is what was written, and under which number.

Source: https://www.sqlite.org/fileformat2.html, sections 1.6 (cells and overflow) and 2.1 (the head of a row).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nas.engine.rows import checksum

Row = tuple[int, bytes, str]
"""Number, payload and checksum, as :func:`nas.engine.rows.to_row` gives them."""

PAGE_SIZE = 4096  # SQLite's default
CHECKSUM_LENGTH = 16
_HEAD = re.compile(rb"[\x04-\x07]\x00([\x80-\xff]{0,3}[\x00-\x7f])" + bytes([13 + 2 * CHECKSUM_LENGTH]) + rb"(?=\{)")
_NUMBER_BYTES = 4


def find_rows(content: bytes) -> dict[int, Row]:
    """Every whole row in the bytes of a database, by number; damage anywhere else does not matter."""
    declared = int.from_bytes(content[16:18], "big")
    sizes = {PAGE_SIZE, 65536 if declared == 1 else declared}  # the declared size may itself be damaged
    found = ({row[0]: row for row in _rows(content, size)} for size in sizes if size >= 512)
    return max(found, key=len)


def whole_prefix(rows: dict[int, Row]) -> tuple[Row, ...]:
    """Rows 1, 2, ... up to the first that is missing."""
    last = 0
    while last + 1 in rows:
        last += 1
    return tuple(rows[number] for number in range(1, last + 1))


def _rows(content: bytes, page_size: int) -> Iterator[Row]:
    for match in _HEAD.finditer(content):
        head, length = match.end() - match.start(), (_varint(match[1]) - 12) // 2
        body = _body(content, match.start(), head + length + CHECKSUM_LENGTH, page_size)
        payload, check = body[head : head + length], body[head + length :].decode("ascii", errors="replace")
        for number in _numbers_before(content, match.start()):
            if check == checksum(number, payload):
                yield number, payload, check
                break


def _body(content: bytes, start: int, size: int, page_size: int) -> bytes:
    """``size`` bytes of a row: what lies in its own page, and its overflow pages. Fewer where the chain is broken."""
    if size > len(content):
        return b""
    local = _local_size(size, page_size)
    body, at = bytearray(content[start : start + local]), start + local
    while len(body) < size:
        page = int.from_bytes(content[at : at + 4], "big")
        at = (page - 1) * page_size
        part = content[at + 4 : at + page_size] if page > 0 else b""
        if not part:
            break
        body += part
    return bytes(body[:size])


def _local_size(size: int, page_size: int) -> int:
    """How many bytes of a row of ``size`` bytes lie in its own page."""
    if size <= page_size - 35:
        return size
    least = (page_size - 12) * 32 // 255 - 23
    local = least + (size - least) % (page_size - 4)
    return local if local <= page_size - 35 else least


def _numbers_before(content: bytes, end: int) -> Iterator[int]:
    """The numbers that the bytes before ``end`` can be read as; a row's number is written right before it."""
    for length in range(1, min(_NUMBER_BYTES, end) + 1):
        yield _varint(content[end - length : end])


def _varint(data: bytes) -> int:
    """SQLite's integers of variable length: seven bits a byte, the highest first."""
    value = 0
    for byte in data:
        value = value << 7 | byte & 0x7F
    return value
