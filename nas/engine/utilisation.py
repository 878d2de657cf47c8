"""How busy the workers were, from the record alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from nas.engine.check import CheckRecord
from nas.engine.record import Run
from nas.engine.trial import TrialRecord

BUSY_PHASES = ("filter", "data", "train", "statistics", "evaluate")
"""The filter, training and evaluation with their reading, which records of earlier versions do not tell apart."""


def busy_share(run: Run) -> float | None:
    """Share of their wall time that warm workers spent in training and evaluation, reading included; in [0, 1].

    A worker is warm from the moment when its first result of a session was recorded until its last one was. All that
    lies between counts as wall time: waiting for the driver, building the detector, trials without a result. The
    phases are those that the proxy measured (``Measurement.seconds``). None while it is unknown.
    """
    workers: dict[tuple[int, str], list[TrialRecord | CheckRecord]] = defaultdict(list)
    for trial in run.evaluations:
        if trial.measurement is not None and trial.finished is not None:
            workers[trial.session, trial.measurement.worker].append(trial)
    wall = busy = 0.0
    for trials in workers.values():
        trials.sort(key=lambda trial: trial.finished or 0.0)
        wall += (trials[-1].finished or 0.0) - (trials[0].finished or 0.0)
        busy += _busy_seconds(trials[1:])
    return busy / wall if wall > 0 else None


def _busy_seconds(trials: Iterable[TrialRecord | CheckRecord]) -> float:
    return sum(
        trial.measurement.seconds.get(phase, 0.0) for trial in trials if trial.measurement for phase in BUSY_PHASES
    )
