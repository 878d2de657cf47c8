"""How far two measurements rank the same things alike, and how far repeated ones agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def kendall(first: ArrayLike, second: ArrayLike) -> float:
    """Kendall's tau-b, in [-1, 1]; NaN where either has fewer than two values that differ."""
    return _cosine(_signs(first), _signs(second))


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's correlation of ranks, in [-1, 1]; NaN where either has fewer than two values that differ."""
    return _cosine(_signs(first).sum(1), _signs(second).sum(1))


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
    return correlation_of_groups(*group_spreads(groups))


def group_spreads(groups: Sequence[Sequence[float]]) -> tuple[NDArray[np.float64], ...]:
    """Sizes, means and sums of squared deviations from them, one of each for every group."""
    means = [float(np.mean(group)) for group in groups]
    squares = [float(np.sum((np.asarray(group) - mean) ** 2)) for group, mean in zip(groups, means)]
    return np.array([len(group) for group in groups], float), np.array(means), np.array(squares)


def correlation_of_groups(
    sizes: NDArray[np.float64], means: NDArray[np.float64], squares: NDArray[np.float64]
) -> float:
    """:func:`intraclass_correlation` of what :func:`group_spreads` gives, which a bootstrap draws from."""
    total, count = sizes.sum(), len(sizes)
    if count < 2 or total <= count:
        return float("nan")
    grand = float(sizes @ means) / total
    between = float(sizes @ (means - grand) ** 2) / (count - 1)
    within = float(squares.sum()) / (total - count)
    size = (total - (sizes**2).sum() / total) / (count - 1)
    spread = between + (size - 1) * within
    return (between - within) / spread if spread > 0 else float("nan")


def _signs(values: ArrayLike) -> NDArray[np.float64]:
    """Which of each two values is larger [n, n]: 1, 0 or -1. The sums of its rows are ranks about 0, ties shared.

    SciPy tests a correlation too, so it takes ten times as long for a dozen values; a bootstrap takes thousands.
    """
    array = np.asarray(values, float)
    return np.sign(array[:, None] - array)


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    lengths = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / lengths) if lengths else float("nan")
