"""How far two measurements rank the same things alike, and how far repeated ones agree."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


def kendall(first: ArrayLike, second: ArrayLike) -> float:
    """Kendall's tau-b, in [-1, 1]; NaN where either has fewer than two values that differ."""
    return _defined(stats.kendalltau, first, second)


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's correlation of ranks, in [-1, 1]; NaN where either has fewer than two values that differ."""
    return _defined(stats.spearmanr, first, second)


def top_precision(values: ArrayLike, truth: ArrayLike, share: float = 0.25) -> float:
    """The share of the best of ``values`` that are among the best of ``truth``, in [0, 1]; higher is better.

    The best are that share of all, rounded up. Choosing at random gives about ``share``.
    """
    first, second = np.asarray(values, float), np.asarray(truth, float)
    count = max(1, int(np.ceil(share * len(first) - 1e-9)))
    best = set(np.argsort(-first, kind="stable")[:count].tolist())
    return len(best & set(np.argsort(-second, kind="stable")[:count].tolist())) / count


def best_half(truth: ArrayLike) -> NDArray[np.intp]:
    """The places of the best half (rounded up) of the values, the best first."""
    values = np.asarray(truth, float)
    return np.argsort(-values, kind="stable")[: -(-len(values) // 2)]


def intraclass_correlation(groups: Sequence[Sequence[float]]) -> float:
    """How much of the variance of a single measurement lies between the groups: ICC(1), at most 1.

    One-way analysis of variance with groups of any sizes (Shrout and Fleiss 1979; for unequal sizes, Donner 1986).

    Args:
        groups: the repeated measurements of each thing. NaN is returned where fewer than two things were measured, or
            none twice, or where nothing varies.
    """
    sizes = np.array([len(group) for group in groups], float)
    total, count = sizes.sum(), len(groups)
    if count < 2 or total <= count:
        return float("nan")
    means = np.array([np.mean(group) for group in groups])
    grand = float(sizes @ means) / total
    between = float(sizes @ (means - grand) ** 2) / (count - 1)
    within = sum(float(np.sum((np.asarray(group) - mean) ** 2)) for group, mean in zip(groups, means)) / (total - count)
    size = (total - (sizes**2).sum() / total) / (count - 1)
    spread = between + (size - 1) * within
    return (between - within) / spread if spread > 0 else float("nan")


def _defined(correlation: object, first: ArrayLike, second: ArrayLike) -> float:
    one, two = np.asarray(first, float), np.asarray(second, float)
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(two) == 0:
        return float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(correlation(one, two).statistic)  # type: ignore[operator]
