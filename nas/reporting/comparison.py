"""Is a search better than random? The numbers, and the sentences that say what they show.

The obvious statistic, the difference of the two best rewards, is not used. The largest of n noisy measurements is too
high, and its bootstrap is wrong: no draw exceeds the best sample and 63 % of them contain it. Simulated with two equal
searches, its 95 % interval excluded 0 in 11 to 19 % of the cases, at 4 samples and at 200. What is compared instead is
the mean of the best quarter, which is about the good end too and which several samples contribute to (there, 8 to 14 %
with 10 samples, 7 to 9 % with 16, 5 to 7 % from 48 on); the mean of all samples stands beside it. Both are at equal
budget, the first n samples of each search, so that what is left of the bias falls on both alike.

The samples of a learning controller depend on each other, and resampling takes them as they are. So an interval speaks
of these two searches; how far another seed would have taken either is not in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.engine.baseline import Baseline, is_random
from nas.engine.record import Run
from nas.reporting.summary import Sample, samples, stopped
from nas.statistics import Interval, interval
from nas.words import number

TOP_SHARE = 0.25
LEAST = 10
"""Samples of each below which nothing is concluded: the intervals of fewer are much too narrow."""
FEW = 48
"""Samples of each below which the intervals are somewhat too narrow."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two equally long sequences of rewards, of a search and of random samples.

    Attributes:
        own: rewards of the search, in order.
        random: rewards of the random samples, in order.
        baseline: name of the random search's folder; None where both are parts of the search itself.
        paired: whether the samples were resampled in pairs of one trial number and one evaluation seed.
        top: difference of the means of the best quarters; None with fewer than ``LEAST`` samples each.
        mean: difference of the means; None likewise.
    """

    own: tuple[float, ...]
    random: tuple[float, ...]
    baseline: str | None
    paired: bool
    top: Interval | None
    mean: Interval | None

    @property
    def verdict(self) -> str:
        """``"better"``, ``"not better"``, or ``"it cannot be told"`` where the interval of ``top`` contains 0."""
        if self.top is None or not self.top.excludes(0.0):
            return "it cannot be told"
        return "better" if self.top.low > 0 else "not better"


def best_quarter(rewards: NDArray[np.float64]) -> float:
    """Mean of the largest quarter, rounded up to whole samples."""
    return float(np.sort(rewards)[-math.ceil(TOP_SHARE * len(rewards)) :].mean())


def compare(run: Run, baseline: Baseline | None = None) -> Comparison | None:
    """A search against a random one at equal budget; without one, its last samples against its first, uniform ones.

    Returns:
        None where there is nothing to compare: where trials were stopped early, so that the complete ones are the
        better part; and without a baseline, for a search that is random itself, and where the record does not say
        which samples were drawn before the controller had learnt.
    """
    if stopped(run):
        return None
    measured = samples(run)
    if baseline is not None:
        others = samples(baseline.run)
        count = min(len(measured), len(others))
        own, random = measured[:count], others[:count]
        return _compare(own, random, baseline.folder.resolve().name, _are_pairs(own, random))
    first = uniform_samples(run)
    if first is None:
        return None
    count = min(len(first), len(measured) - len(first))
    return _compare(measured[len(measured) - count :], first[:count], None, paired=False)


def uniform_samples(run: Run) -> list[Sample] | None:
    """The samples that were drawn before the controller's first update, uniformly from the space.

    Returns:
        None where the record cannot say: for controllers that are random or were told to begin otherwise, behind a
        filter, and where no trial has the metric ``updates``.
    """
    identity = run.sessions[0].identity if run.sessions else {}
    if is_random(identity) or identity.get("prefilter"):
        return None
    if not identity.get("controller", {}).get("uniform_start", True):
        return None
    learnt = [
        trial.finished
        for trial in run.trials
        if trial.finished is not None and trial.controller_metrics.get("updates", 0) > 0
    ]
    if not learnt:
        return None
    return [sample for sample in samples(run) if (sample.trial.started or 0.0) < min(learnt)]


def comparison_sentences(run: Run, found: Comparison | None) -> list[str]:
    """The answer in one sentence, and what it cannot show in another."""
    if found is None:
        return [_nothing(run)]
    count = len(found.own)
    if found.top is None or found.mean is None:
        return [
            f"Better than random? It cannot be told: there are {count} samples of each kind to compare, and fewer than "
            f"{LEAST} say nothing."
        ]
    ours, theirs = ("first", f"the first {count} of the random search {found.baseline}")
    if found.baseline is None:
        ours, theirs = ("last", f"its first {count}, drawn before the controller had learnt anything")
    verdict = found.verdict[0].upper() + found.verdict[1:]
    answer = (
        f"Better than random? {verdict}: the best quarter of its {ours} {count} samples is {_signed(found.top)} "
        f"against {theirs}; the mean of all {count} is {_signed(found.mean)}."
    )
    if found.baseline is None:
        answer += (
            " No random search with the same space, proxy and data was given or found, so this shows what the "
            "controller has learnt, not that a random search of the same budget would have found less."
        )
    return [answer, _limits(found)]


def _nothing(run: Run) -> str:
    if stopped(run):
        return (
            "Better than random? It cannot be told: trials were stopped early, so the complete ones are the better "
            "part of what was searched, and a random search has no such part to compare them with."
        )
    identity = run.sessions[0].identity if run.sessions else {}
    if is_random(identity):
        return "This search is random itself: it is what others are compared with, so there is nothing to compare."
    return (
        "Better than random? It cannot be told: the record does not say which samples were drawn uniformly, before the "
        "controller had learnt; give the folder of a random search with the same space, proxy and data, against=DIR."
    )


def _limits(found: Comparison) -> str:
    drawn = "in pairs of one trial number and seed" if found.paired else "each part on its own"
    narrow = f" With fewer than {FEW} samples of each, the intervals are somewhat too narrow." * (len(found.own) < FEW)
    return (
        f"The intervals (95 %) come from resampling the trials, {drawn}. They speak of what was searched; another seed "
        f"can give another answer.{narrow}"
    )


def _signed(difference: Interval) -> str:
    estimate, low, high = (
        f"{'+' * (value >= 0)}{number(value, 4)}" for value in (difference.estimate, difference.low, difference.high)
    )
    return f"{estimate} ({low} to {high})"


def _compare(own: Sequence[Sample], random: Sequence[Sample], baseline: str | None, paired: bool) -> Comparison:
    rewards = [tuple(sample.reward for sample in part) for part in (own, random)]
    top = mean = None
    if len(own) >= LEAST:
        top = interval(lambda one, other: best_quarter(one) - best_quarter(other), rewards, paired=paired)
        mean = interval(_difference_of_means, rewards, paired=paired)
    return Comparison(rewards[0], rewards[1], baseline, paired, top, mean)


def _difference_of_means(one: NDArray[Any], other: NDArray[Any]) -> float:
    return float(one.mean() - other.mean())


def _are_pairs(own: Sequence[Sample], random: Sequence[Sample]) -> bool:
    """Whether the trials have the same numbers and evaluation seeds, one by one."""
    return all(
        (one.trial.number, one.trial.seed) == (other.trial.number, other.trial.seed) for one, other in zip(own, random)
    )
