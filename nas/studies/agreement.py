"""What the rows of an audit say: how far each proxy ranks architectures as the reference does, and at what cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.statistics import (
    UNKNOWN,
    Interval,
    best_half,
    interval,
    kendall,
    spearman,
    top_precision,
)
from nas.statistics.ranks import correlation_of_groups, group_spreads
from nas.studies.audit import REFERENCE
from nas.studies.rows import Row

COST_BASELINES = ("params", "multiply_adds", "depth")
INTERVALS = ("kendall", "spearman", "kendall_best_half", "top_quarter", "seeds_spearman", "icc")
LEAST = 3  # architectures that a rank correlation is given for
METRIC_READINGS = {"ap_running_statistics": ("running statistics", 1), "train_loss": ("mean of the last losses", -1)}
"""Metric of a measurement -> what it is called as a reading of its proxy, and its sign: higher must be better."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Something that ranks architectures.

    Attributes:
        name: that of the proxy, with what is read of it in brackets where that is not its reward.
        values: name of an architecture -> its values by seed, higher being better.
        core_seconds: mean over the measurements, on one core; None for a cost, which nothing was measured for.
        failed: measurements without a value.
    """

    name: str
    values: Mapping[str, Mapping[int, float]]
    core_seconds: float | None = None
    failed: int = 0

    def means(self) -> dict[str, float]:
        """Name of an architecture -> the mean over its seeds."""
        return {name: fmean(seeds.values()) for name, seeds in self.values.items()}


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a reading agrees with the reference and with itself; NaN where too little is measured.

    Attributes:
        reading: what is compared.
        architectures: how many both have measured.
        kendall, spearman: correlation of ranks with the reference. All intervals are bootstrapped over the
            architectures.
        kendall_best_half: Kendall's, among the best half by the reference.
        top_quarter: share of the best quarter that is in the reference's best quarter.
        seeds_spearman: correlation of ranks between two seeds of the reading, the mean over all pairs of seeds.
        icc: share of a single measurement's variance that lies between architectures.
        published: the published architectures by the reading, the best first.
        in_order: whether all are there, in the order of the paper.
    """

    reading: Reading
    architectures: int
    kendall: Interval
    spearman: Interval
    kendall_best_half: Interval
    top_quarter: Interval
    seeds_spearman: Interval
    icc: Interval
    published: tuple[str, ...]
    in_order: bool

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dictionary, numbers rounded."""
        return {
            "name": self.reading.name,
            "architectures": self.architectures,
            **{name: _ends(getattr(self, name)) for name in INTERVALS},
            "core_seconds": _round(self.reading.core_seconds, 1),
            "failed": self.reading.failed,
            "published": list(self.published),
            "published_in_order": self.in_order,
        }


def readings(rows: Iterable[Row]) -> list[Reading]:
    """All that the rows give to rank by, in the order of the rows, the costs last."""
    by_proxy: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if "fidelity" in row:
            by_proxy[row["fidelity"]].append(row)
    found = [reading for name, own in by_proxy.items() for reading in _readings_of(name, own)]
    built = by_proxy.get(REFERENCE) or next(iter(by_proxy.values()), [])
    return [*found, *(_cost(name, built) for name in COST_BASELINES)]


def compare(rows: Sequence[Row], published: Mapping[str, float], seed: int = 0, draws: int = 2000) -> list[Agreement]:
    """Every reading against the reference, which comes first.

    Args:
        rows: of the audit.
        published: name of a published architecture -> its AP in the paper.
        seed: of the bootstrap.
        draws: how often the architectures are drawn again for it.
    """
    found = readings(rows)
    measured = {name for reading in found for name in reading.values}
    published = {name: ap for name, ap in published.items() if name in measured}
    bootstrap = partial(interval, seed=seed, draws=draws)
    truth = next((reading for reading in found if reading.name == REFERENCE), Reading(REFERENCE, {}))
    return [_agreement(reading, truth.means(), published, bootstrap) for reading in found]


def _readings_of(name: str, rows: Sequence[Row]) -> Iterator[Reading]:
    seconds = fmean(row["core_seconds"] for row in rows)
    measured = [row for row in rows if row["value"] is not None]
    failed = len(rows) - len(measured)
    yield Reading(name, _by_seed((row, row["value"]) for row in measured), seconds, failed)
    for metric, (word, sign) in METRIC_READINGS.items():
        if measured and all(metric in row["metrics"] for row in measured):
            values = _by_seed((row, sign * row["metrics"][metric]) for row in measured)
            yield Reading(f"{name} ({word})", values, seconds, failed)


def _by_seed(values: Iterable[tuple[Row, float]]) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for row, value in values:
        found[row["architecture"]][row["seed"]] = value
    return dict(found)


def _cost(name: str, rows: Sequence[Row]) -> Reading:
    """A cost of the detectors that one proxy built as a ranking: at another size, costs are others."""
    values: dict[str, dict[int, float]] = {}
    for row in rows:
        if row[name]:
            values.setdefault(row["architecture"], {0: float(row[name])})
    return Reading(f"{name} (cost)", values)


def _agreement(
    reading: Reading, truth: Mapping[str, float], published: Mapping[str, float], bootstrap: Callable[..., Interval]
) -> Agreement:
    means = reading.means()
    names = [name for name in truth if name in means]
    ours, theirs = (np.array([values[name] for name in names]) for values in (means, truth))
    known = sorted((name for name in published if name in means), key=lambda name: -means[name])

    def compared(statistic: Callable[..., float]) -> Interval:
        return bootstrap(statistic, (ours, theirs)) if len(names) >= LEAST else UNKNOWN

    return Agreement(
        reading=reading,
        architectures=len(names),
        kendall=compared(kendall),
        spearman=compared(spearman),
        kendall_best_half=compared(_kendall_best_half),
        top_quarter=compared(top_precision),
        seeds_spearman=_between_seeds(reading, bootstrap),
        icc=_icc(reading, bootstrap),
        published=tuple(known),
        in_order=len(known) == len(published) > 1 and known == sorted(known, key=lambda name: -published[name]),
    )


def _between_seeds(reading: Reading, bootstrap: Callable[..., Interval]) -> Interval:
    """Over the architectures with more than one seed, and the seeds that all of these have."""
    repeated = [seeds for seeds in reading.values.values() if len(seeds) > 1]
    common = sorted(set.intersection(*map(set, repeated))) if repeated else []
    table = np.array([[seeds[number] for number in common] for seeds in repeated])
    if len(table) < LEAST or len(common) < 2:
        return UNKNOWN
    return bootstrap(
        lambda values: fmean(spearman(values[:, a], values[:, b]) for a, b in combinations(range(len(common)), 2)),
        (table,),
    )


def _kendall_best_half(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    half = best_half(theirs)
    return kendall(ours[half], theirs[half])


def _icc(reading: Reading, bootstrap: Callable[..., Interval]) -> Interval:
    """Over all architectures, with as many seeds as each of them has."""
    groups = [tuple(seeds.values()) for seeds in reading.values.values()]
    if not any(len(group) > 1 for group in groups):
        return UNKNOWN
    return bootstrap(correlation_of_groups, group_spreads(groups))


def _ends(value: Interval) -> list[float | None]:
    return [_round(number) for number in (value.estimate, value.low, value.high)]


def _round(value: float | None, digits: int = 3) -> float | None:
    return None if value is None or np.isnan(value) else round(float(value), digits)
