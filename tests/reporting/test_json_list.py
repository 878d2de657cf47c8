"""A list of rows is JSON whatever its length."""

import io
import json

import pytest

from nas.reporting.json_list import write_list


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_list_is_json(count):
    rows = [{"a": number, "b": "ü\ud800"} for number in range(count)]
    text = io.StringIO()
    write_list(text, iter(rows))
    assert json.loads(text.getvalue()) == rows
    assert text.getvalue().isascii()
