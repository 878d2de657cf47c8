"""What a few noisy measurements allow to be said."""

from nas.statistics.bootstrap import interval
from nas.statistics.intervals import UNKNOWN, Interval
from nas.statistics.ranks import best_half, intraclass_correlation, kendall, spearman, top_precision
from nas.statistics.student import mean_interval

__all__ = [
    "UNKNOWN",
    "Interval",
    "best_half",
    "interval",
    "intraclass_correlation",
    "kendall",
    "mean_interval",
    "spearman",
    "top_precision",
]
