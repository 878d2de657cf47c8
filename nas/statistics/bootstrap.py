"""Bootstrap intervals: how far a statistic would move if the same measurements were taken again.

The percentile bootstrap of B. Efron and R. Tibshirani, An Introduction to the Bootstrap (1993), chapter 13: the rows
are drawn again with replacement, as many as there are, and the statistic is computed of each draw. It fits statistics
that many rows contribute to, such as a mean or a rank correlation. It does not fit a maximum: no draw exceeds the
largest row, and most of them contain it. An interval of few rows is too narrow; below ten it is a hint at best.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.statistics.intervals import Interval
from search_spaces.settings import integer, within


def interval(
    statistic: Callable[..., float],
    samples: int | Sequence[Any],
    seed: int = 0,
    draws: int = 2000,
    level: float = 0.95,
    paired: bool = True,
) -> Interval:
    """The percentile interval of a statistic; its ``count`` is that of the rows, of the shorter array if they differ.

    Draws for which the statistic is not defined (NaN, as a correlation of equal values) are left out.

    Args:
        statistic: a number of the resampled arrays, one argument each; where ``samples`` is a number, of the indices
            [rows] that were drawn.
        samples: equally long arrays whose rows belong together, resampled along their first axis; or a number of rows.
        seed: of the draws; the same seed gives the same interval.
        draws: how often the rows are drawn again.
        level: the share of the draws that the interval holds.
        paired: False draws the rows of each array on their own; the arrays may then differ in length.

    Raises:
        ConfigError: ``seed``, ``draws`` or ``level`` is out of range.
        ValueError: there are no rows, or paired arrays differ in length.
    """
    integer("seed", seed, 0)
    integer("draws", draws, 1)
    within("level", level, 0, 1, "()")
    arrays = [np.arange(samples)] if isinstance(samples, int) else [np.asarray(array) for array in samples]
    lengths = [len(array) for array in arrays]
    if not lengths or min(lengths) < 1 or (paired and len(set(lengths)) > 1):
        raise ValueError(f"samples have {lengths} rows; there must be some, and paired arrays must be equally long.")
    rng = np.random.default_rng(seed)
    values = np.array([statistic(*_drawn(arrays, rng, paired)) for _ in range(draws)], float)
    defined = values[~np.isnan(values)]
    tail = (1 - level) / 2
    low, high = np.quantile(defined, (tail, 1 - tail)) if len(defined) else (np.nan, np.nan)
    return Interval(float(statistic(*arrays)), float(low), float(high), min(lengths), level)


def _drawn(arrays: Sequence[NDArray[Any]], rng: np.random.Generator, paired: bool) -> list[NDArray[Any]]:
    """The arrays with rows drawn with replacement, the same ones of each where they are paired."""
    if paired:
        rows = rng.integers(len(arrays[0]), size=len(arrays[0]))
        return [array[rows] for array in arrays]
    return [array[rng.integers(len(array), size=len(array))] for array in arrays]
