"""The mean of a few measurements with its 95 % interval (Student's t)."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, sqrt
from statistics import mean, stdev

from scipy.stats import t

from nas.statistics.intervals import Interval


def mean_interval(values: Sequence[float]) -> Interval | None:
    """The mean of independent measurements with its interval; None without any. A single one has no interval.

    The interval supposes that they are normally distributed. That of three has 4.3 standard errors on both sides.
    """
    if not values:
        return None
    centre, count = mean(values), len(values)
    half = float(t.ppf(0.975, count - 1)) * stdev(values) / sqrt(count) if count > 1 else nan
    return Interval(centre, centre - half, centre + half, count)
