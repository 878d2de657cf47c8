"""A space small enough to enumerate, to test controllers and sizes exactly."""

from __future__ import annotations

from typing import Any

from search_spaces.scale_permuted import ScalePermutedSpace


def toy_space(**settings: Any) -> ScalePermutedSpace:
    """Two intermediate and two output blocks: 2 x 2 orders, 1 x 3 x 6 x 10 connections, 2^2 levels, 2^4 types."""
    defaults: dict[str, Any] = {
        "name": "toy",
        "intermediates": (3, 4),
        "outputs": (3, 4),
        "level_offsets": (0, 1),
        "intermediate_window": 3,
    }
    return ScalePermutedSpace(**{**defaults, **settings})
