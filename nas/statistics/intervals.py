"""A number with how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan


@dataclass(frozen=True, slots=True)
class Interval:
    """A statistic of a few measurements with its interval.

    Attributes:
        estimate: the statistic of the measurements as they are; NaN where it is not defined.
        low, high: the ends of the interval; NaN where there is none, as of a single measurement.
        count: how many measurements there were.
        level: how much the interval holds: of the draws of a bootstrap, or of the intervals that hold the true value.
    """

    estimate: float
    low: float
    high: float
    count: int
    level: float = 0.95

    @property
    def has_ends(self) -> bool:
        """Whether there is an interval around the estimate."""
        return not isnan(self.low) and not isnan(self.high)

    def excludes(self, value: float) -> bool:
        """Whether a value lies outside; an interval that is not defined excludes nothing."""
        return value < self.low or value > self.high


UNKNOWN = Interval(nan, nan, nan, 0)
"""What too few measurements say."""
