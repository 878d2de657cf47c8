"""What a few noisy measurements allow to be said: intervals by resampling."""

from nas.statistics.bootstrap import Interval, interval

__all__ = ["Interval", "interval"]
