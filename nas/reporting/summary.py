"""What a run's record says, in numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.engine.check import CheckRecord
from nas.engine.ledger import session_times
from nas.engine.record import Run
from nas.engine.recorded import checks_left
from nas.engine.trial import EVALUATED, TrialRecord, TrialState
from nas.engine.utilisation import busy_share
from search_spaces.architecture import Architecture
from search_spaces.errors import first_line

FAILURES = (TrialState.FAILED, TrialState.INFEASIBLE)


@dataclass(frozen=True, slots=True)
class Sample:
    """A complete trial: what was evaluated and the reward it got."""

    trial: TrialRecord
    architecture: Architecture
    reward: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A run in numbers; None where the record cannot tell yet.

    Attributes:
        counts: trials by state; every state has an entry.
        wanted: how many architectures the search will evaluate in all.
        best: the sample with the highest reward; of equal ones, the earliest.
        mean_reward: over all samples.
        recent_mean: over the last ``recent`` samples.
        recent: the window of :func:`window_size`.
        checks_left: how many checks the last session's settings want that are not recorded.
        wall_seconds: from the beginning of each session to its end; pauses between sessions are left out.
        trials_per_hour: how much was evaluated per hour of that, in trials: one for every trial that is complete, was
            stopped or failed, and for every check as many as its training is longer than a trial's.
        busy_share: share of the workers' wall time spent in training and evaluation, in [0, 1].
        seconds_by_phase: compute of all measured trials and checks.
        failures: (reason, count), the most frequent first.
    """

    counts: Mapping[TrialState, int]
    wanted: int | None
    best: Sample | None
    mean_reward: float | None
    recent_mean: float | None
    recent: int
    checks_left: int
    wall_seconds: float
    trials_per_hour: float | None
    busy_share: float | None
    seconds_by_phase: Mapping[str, float]
    failures: tuple[tuple[str, int], ...]

    @property
    def evaluated(self) -> int:
        """Architectures that a proxy evaluated, to the end or not, with a result or without: the search's samples."""
        return _evaluated(self.counts)

    @property
    def state(self) -> str:
        """``"empty"``, ``"under way"``, ``"finished"`` or ``"not finished"``, as far as a record can say."""
        if not any(self.counts.values()):
            return "empty"
        if self.wanted is not None and self.evaluated >= self.wanted:
            return "not finished" if self.checks_left else "finished"
        return "under way" if self.counts[TrialState.RUNNING] else "not finished"


def summarise(run: Run) -> Summary:
    """All numbers of :class:`Summary`; a run without trials or sessions is fine."""
    measured = samples(run)
    rewards = [sample.reward for sample in measured]
    recent = window_size(len(rewards))
    tried = Counter(trial.state for trial in run.trials)
    counts = {state: tried[state] for state in TrialState}
    wall = wall_seconds(run)
    trained = _evaluated(counts) + sum(done.trainings for done in run.checks)
    wanted = run.sessions[-1].config.get("samples") if run.sessions else None
    return Summary(
        counts=counts,
        wanted=wanted,
        best=best_sample(measured),
        mean_reward=_mean(rewards),
        recent_mean=_mean(rewards[-recent:]),
        recent=recent,
        checks_left=checks_left(run),
        wall_seconds=wall,
        trials_per_hour=3600.0 * trained / wall if wall > 0 else None,
        busy_share=busy_share(run),
        seconds_by_phase=seconds_by_phase(run.evaluations),
        failures=failure_reasons(run.trials),
    )


def samples(run: Run) -> list[Sample]:
    """The complete trials, by number. Duplicates are not samples, since nothing was measured anew."""
    return [
        Sample(trial, trial.architecture, trial.reward)
        for trial in run.trials
        if trial.state is TrialState.COMPLETE and trial.architecture is not None and trial.reward is not None
    ]


def stopped(run: Run) -> list[tuple[int, float]]:
    """Numbers of the trials that were stopped early, with rewards of lower fidelity: no samples, and never best."""
    found = (trial for trial in run.trials if trial.state is TrialState.STOPPED)
    return [(trial.number, trial.reward) for trial in found if trial.reward is not None]


def rank(measured: Sequence[Sample]) -> list[Sample]:
    """Samples by reward, the highest first; of equal ones, the earlier."""
    return sorted(measured, key=lambda sample: (-sample.reward, sample.trial.number))


def best_sample(measured: Sequence[Sample]) -> Sample | None:
    """The first of :func:`rank`; None when there is no sample yet."""
    return next(iter(rank(measured)), None)


def window_size(count: int) -> int:
    """Width of the running mean for ``count`` samples: an eighth of them, between 5 and 200."""
    return min(200, max(5, count // 8))


def running_mean(values: Sequence[float], window: int) -> list[float]:
    """The mean of the last ``window`` values at every position (of fewer at the beginning)."""
    means, total = [], 0.0
    for at, value in enumerate(values):
        total += value - (values[at - window] if at >= window else 0.0)
        means.append(total / min(at + 1, window))
    return means


def metric_series(run: Run) -> dict[str, list[tuple[int, float]]]:
    """Name of a metric of the controller -> (trials answered so far, its value from then on), in order.

    Empty for controllers that have no metrics and for records that were written before there were any.
    """
    series: dict[str, list[tuple[int, float]]] = {}
    answered = sorted((trial for trial in run.trials if trial.finished is not None), key=lambda t: t.finished or 0.0)
    for count, trial in enumerate(answered, start=1):
        for name, value in trial.controller_metrics.items():
            series.setdefault(name, []).append((count, value))
    return series


def wall_seconds(run: Run) -> float:
    """Time from the beginning of every session to its end, in seconds."""
    return sum(end - start for start, end in session_times(run))


def seconds_by_phase(evaluated: Sequence[TrialRecord | CheckRecord]) -> dict[str, float]:
    """Compute by phase over all trials and checks that were measured, in seconds; duplicates were not."""
    total: Counter[str] = Counter()
    for one in evaluated:
        if one.measurement is not None:
            total.update(one.measurement.seconds)
    return dict(total)


def failure_reasons(trials: Sequence[TrialRecord]) -> tuple[tuple[str, int], ...]:
    """(first line of the reason, count), the most frequent first; reasons that differ only in numbers count as one."""
    examples: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for trial in trials:
        if trial.state in FAILURES:
            reason = first_line(trial.error or "", "no reason was recorded")
            kind = re.sub(r"\d+(\.\d+)?", "#", reason)
            examples.setdefault(kind, reason)
            counts[kind] += 1
    return tuple((examples[kind], count) for kind, count in counts.most_common())


def _evaluated(counts: Mapping[TrialState, int]) -> int:
    return sum(counts[state] for state in EVALUATED)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
