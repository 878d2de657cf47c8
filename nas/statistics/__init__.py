"""What a few noisy measurements allow to be said."""

from nas.statistics.bootstrap import Interval, interval
from nas.statistics.ranks import best_half, intraclass_correlation, kendall, spearman, top_precision

__all__ = ["Interval", "best_half", "interval", "intraclass_correlation", "kendall", "spearman", "top_precision"]
