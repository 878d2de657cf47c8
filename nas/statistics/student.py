"""The mean of a few measurements with its 95 % interval (Student's t)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

T_QUANTILES = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""97.5 % quantiles of Student's t with 1 to 30 degrees of freedom (Abramowitz and Stegun, Table 26.10)."""
_NORMAL = 1.959964


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of ``count`` measurements; ``low`` and ``high`` are its 95 % interval, None of a single measurement."""

    mean: float
    low: float | None
    high: float | None
    count: int


def estimate(values: Sequence[float]) -> Estimate | None:
    """The mean of independent measurements with its interval; None without any.

    The interval supposes that they are normally distributed. That of three has 4.3 standard errors on both sides.
    """
    if not values:
        return None
    centre = mean(values)
    if len(values) == 1:
        return Estimate(centre, None, None, 1)
    half = t_quantile(len(values) - 1) * stdev(values) / sqrt(len(values))
    return Estimate(centre, centre - half, centre + half, len(values))


def t_quantile(freedom: int) -> float:
    """The 97.5 % quantile of Student's t; above 30 degrees of freedom by Abramowitz and Stegun, 26.7.5."""
    if freedom <= len(T_QUANTILES):
        return T_QUANTILES[freedom - 1]
    x = _NORMAL
    return x + (x**3 + x) / (4 * freedom) + (5 * x**5 + 16 * x**3 + 3 * x) / (96 * freedom**2)
