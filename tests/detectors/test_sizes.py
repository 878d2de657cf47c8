"""Sizes of feature maps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.detectors.sizes import feature_size, read_size
from search_spaces.errors import ConfigError


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(1, 7))
def test_every_step_down_halves_rounding_up(side: int, level: int) -> None:
    assert feature_size((side, 1), level) == (-(-feature_size((side, 1), level - 1)[0] // 2), 1)


def test_a_size_is_a_side_or_a_pair_of_sides() -> None:
    assert read_size(64) == (64, 64)
    assert read_size([64, 32]) == read_size((64, 32)) == (64, 32)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (True, "true"), (None, "null"), ([64], "[64]"), ([64, 0], "[64, 0]"), (2.5, "2.5"), ("64", "'64'")],
)
def test_anything_else_is_no_size(value: object, shown: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_size(value)
    assert str(caught.value) == f"image_size is {shown}; it must be a positive integer, or [height, width] of them."
