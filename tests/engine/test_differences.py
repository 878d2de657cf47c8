"""Where two identities differ."""

import pytest

from nas.engine.differences import first_difference


@pytest.mark.parametrize(
    ("there", "here", "found"),
    [
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2}}, None),
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}, ("b.c", 2, 3)),
        ({"b": {}}, {"b": {"c": 3}}, ("b.c", None, 3)),
        ({"b": {"c": 3}}, {"b": 3}, ("b", {"c": 3}, 3)),
        ({"a": 1, "b": 1}, {"b": 2, "a": 2}, ("a", 1, 2)),
    ],
)
def test_the_first_difference_is_named_with_its_path(there, here, found):
    assert first_difference(there, here) == found
