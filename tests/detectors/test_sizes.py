"""Sizes of feature maps."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nas.detectors.sizes import feature_size


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(1, 7))
def test_every_step_down_halves_rounding_up(side: int, level: int) -> None:
    assert feature_size((side, 1), level) == (-(-feature_size((side, 1), level - 1)[0] // 2), 1)
