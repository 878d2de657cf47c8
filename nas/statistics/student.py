"""The mean of a few measurements with its 95 % interval (Student's t)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean, stdev

from scipy.stats import t


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
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))
    return Estimate(centre, centre - half, centre + half, len(values))
