"""A file of rows: appended, read back, whole after a kill, refused in words when it is broken."""

import pytest

from nas.studies.rows import append_rows, read_rows
from search_spaces.errors import FileError, RecordError


def test_rows_come_back_in_order(tmp_path):
    path = tmp_path / "new" / "rows.jsonl"
    assert read_rows(path) == []
    append_rows(path, [{"a": 1}, {"b": [1.5, None]}])
    append_rows(path, [{"c": "\u00e9"}])
    assert read_rows(path) == [{"a": 1}, {"b": [1.5, None]}, {"c": "\u00e9"}]


@pytest.mark.parametrize("left", ['{"b": 2', '{"b": 2}', "x"])
def test_a_torn_last_line_is_measured_again(tmp_path, left):
    path = tmp_path / "rows.jsonl"
    append_rows(path, [{"a": 1}])
    with path.open("a") as file:
        file.write(left)
    assert read_rows(path) == [{"a": 1}]
    append_rows(path, [{"c": 3}])
    assert read_rows(path) == [{"a": 1}, {"c": 3}]


@pytest.mark.parametrize("line", ["{", "[1]", "\x00"])
def test_a_broken_line_is_named(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a":1}}\n{line}\n{{"b":2}}\n')
    with pytest.raises(RecordError, match=r"rows\.jsonl, line 2: it is no JSON object; remove the line"):
        read_rows(path)


def test_a_file_that_cannot_be_read_or_written(tmp_path):
    with pytest.raises(FileError, match="cannot be read"):
        read_rows(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        append_rows(tmp_path / "file" / "rows.jsonl", [{"a": 1}])
