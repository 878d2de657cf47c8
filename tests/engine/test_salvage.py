"""Whole rows are found in damaged bytes wherever they lie, and nothing else is."""

import sqlite3

import pytest

from nas.engine.rows import checksum
from nas.engine.salvage import find_rows, whole_prefix

CREATE = "CREATE TABLE events (number INTEGER PRIMARY KEY, payload BLOB NOT NULL, checksum TEXT NOT NULL)"


def row(number: int, length: int) -> tuple[int, bytes, str]:
    payload = b'{"text":"%s"}' % (b"%d" % number * length)[:length]
    return number, payload, checksum(number, payload)


ROWS = [row(number, length) for number, length in enumerate([5, 50, 300, 4000, 4100, 9000, 40000, 2000, 20], start=1)]
ROWS += [row(number, 100) for number in (127, 128, 16383, 16384, 70000)]


def database(path, rows=ROWS, page_size: int = 4096) -> bytes:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size={page_size}")
    connection.execute(CREATE)
    connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    return path.read_bytes()


@pytest.mark.parametrize("page_size", [512, 1024, 4096, 65536])
def test_all_rows_of_a_whole_file_are_found(tmp_path, page_size):
    assert find_rows(database(tmp_path / "a.db", page_size=page_size)) == {one[0]: one for one in ROWS}


def test_a_row_is_found_in_a_page_without_its_head(tmp_path):
    content = bytearray(database(tmp_path / "a.db", ROWS[:3]))
    content[:200] = bytes(200)
    content[4096:4196] = bytes(100)
    assert find_rows(bytes(content)) == {one[0]: one for one in ROWS[:3]}


def test_a_row_that_was_changed_is_not_found(tmp_path):
    content = database(tmp_path / "a.db", ROWS[:3])
    at = content.index(b"22222")
    for changed in (content.replace(b"22222", b"22322"), content[:at] + content[at + 1 :]):
        assert 2 not in find_rows(changed)


def test_a_row_that_was_given_another_number_is_not_found(tmp_path):
    other = (7, ROWS[1][1], ROWS[1][2])
    assert find_rows(database(tmp_path / "a.db", [ROWS[0], other])) == {1: ROWS[0]}


@pytest.mark.parametrize(
    "content", [b"", b"\x05\x00\x85x-{", b"SQLite format 3\x00\x10\x00", bytes(9000), b"{}" * 5000]
)
def test_nothing_is_found_where_nothing_is(content):
    assert find_rows(content) == {}


def test_overflow_pages_that_go_in_a_circle_end(tmp_path):
    content = bytearray(database(tmp_path / "a.db", [ROWS[6]]))
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 4] = (page + 1).to_bytes(4, "big")
    assert find_rows(bytes(content)) == {}


def test_the_prefix_ends_before_the_first_gap():
    rows = {number: row(number, 10) for number in (1, 2, 3, 5, 6)}
    assert whole_prefix(rows) == tuple(rows[number] for number in (1, 2, 3))
    assert whole_prefix({2: row(2, 10)}) == ()
