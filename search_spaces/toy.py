"""A space that is small enough to enumerate, so that controllers and sizes can be tested exactly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOY: Mapping[str, Any] = {
    "intermediates": (3, 4),
    "outputs": (3, 4),
    "level_offsets": (0, 1),
    "intermediate_window": 3,
}
"""Settings of :class:`search_spaces.scale_permuted.ScalePermutedSpace` for two intermediate and two output blocks:
2 x 2 orders, 1 x 3 x 6 x 10 connections, 2^2 levels, 2^4 types."""
