"""Values of more than 8 bits, and floats, brought to 0..255.

A picture file seldom says how many of its bits are used, so the range of its own values decides:

- integers from 0 to 65535 are taken for values of the least of 8, 10, 12, 14 and 16 bits that hold all of them, so
  a full 16-bit picture is divided by 256, and 12 bits within 16 by 16. A depth that the file declares goes first;
- floats from 0 to 1 are multiplied by 256, those from 0 to 256 stay as they are, larger ones are taken as integers are;
- all others, negative ones among them, are stretched from their least to their greatest value;
- so are those of which fewer than four of the 256 levels would be left, unless all are equal.

What is no number, or minus infinity, becomes 0, and infinity 255.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

DEPTHS = (8, 10, 12, 14, 16)
LEVELS = 256
LEAST_LEVELS = 4
_ROWS = 256  # at once; a large picture is never there in double precision as a whole

Range = tuple[float, float]
Values = NDArray[Any]


def to_bytes(values: Values, declared: float | None = None) -> NDArray[np.uint8]:
    """Integers or floats of any shape [H, W, ...] as uint8 of the same shape, by the rules above.

    Args:
        values: what the file holds.
        declared: what all values lie below, as the file says (4096 for 12 bits); None where it does not say.
    """
    low, high = value_range(values, declared)
    result = np.empty(values.shape, dtype=np.uint8)
    for first in range(0, len(values), _ROWS):
        rows = slice(first, first + _ROWS)
        scaled = (values[rows].astype(np.float64) - low) * (LEVELS / (high - low))
        result[rows] = np.nan_to_num(np.clip(scaled, 0, LEVELS - 1), nan=0.0)
    return result


def value_range(values: Values, declared: float | None = None) -> Range:
    """(low, high): low becomes 0 and high is the first value that no longer fits below 256."""
    found = _extremes(values)
    if found is None:
        return 0.0, 1.0
    least, greatest = found
    low, high = _nominal(least, greatest, values.dtype.kind == "f", declared)
    if least < greatest and (greatest - least) * LEVELS < LEAST_LEVELS * (high - low):
        return least, greatest
    return low, high


def _nominal(least: float, greatest: float, floats: bool, declared: float | None) -> Range:
    """The range that values of this kind are meant to have."""
    if declared is not None and 0 <= least <= greatest < declared:
        return 0.0, declared
    if least >= 0 and floats and greatest <= 1:
        return 0.0, 1.0
    if least >= 0 and greatest < 2 ** DEPTHS[-1]:
        return 0.0, float(next(2**depth for depth in DEPTHS if greatest < 2**depth))
    if least < greatest:
        return least, greatest
    return least - 0.5, least + 0.5  # all are equal: half-way


def _extremes(values: Values) -> Range | None:
    """The least and the greatest finite value; None when none is finite."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else None
