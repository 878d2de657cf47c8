"""Where the workers' time went, from the record alone: the timeline of every worker, cut into five parts.

A session has its wall time times its workers to account for. A worker's timeline runs from the session's beginning to
its end; where that is not recorded (it was cut off, or an earlier version wrote it), to its last result. The trials and
checks on it lie between the moments at which they were begun and recorded, and within each the proxy measured its
phases. These rules say what each stretch is:

- ``training``, ``evaluation``, ``data``: the phases ``train``, ``evaluate`` with ``statistics`` and ``filter``, and
  ``data`` of a measurement. Records of earlier versions have no ``data``: there the wait for images lies in the
  other two.
- ``engine``: what keeps a worker from them: the time until its first trial, the rest of a trial (building the detector,
  passing on and recording the result), the gaps between its trials, trials that lost their worker, the tail of a
  session that was cut off or is under way, where what was begun has no result, and what is done after the last result:
  counting what detectors cost, timing them, drawing the report.
- ``idle``: nothing is left to hand out: the time from a worker's last trial to the last result of a session that ended
  by itself; for a worker that got no trial at all, the time from the first trial of any worker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nas.engine.check import CheckRecord
from nas.engine.record import Run
from nas.engine.recorded import checks_left
from nas.engine.trial import EVALUATED, TrialRecord, TrialState

PARTS = ("training", "evaluation", "data", "engine", "idle")
PART_OF_PHASE = {
    "filter": "evaluation",
    "train": "training",
    "statistics": "evaluation",
    "evaluate": "evaluation",
    "data": "data",
}
"""Phase of a measurement -> its part of the ledger; all others are ``engine``."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The time of a run's workers.

    Attributes:
        seconds: worker-seconds by part, one entry for each of ``PARTS``.
        wall_seconds: wall time of all sessions together.
        worker_seconds: wall time of each session times its workers; the parts add up to it.
        beyond: seconds that measurements claim and their trials had no room for, which are in no part; more than a
            trifle says that the clocks of machines differ.
    """

    seconds: Mapping[str, float]
    wall_seconds: float
    worker_seconds: float
    beyond: float = 0.0


@dataclass(frozen=True, slots=True)
class Span:
    """What one worker did in one go.

    Attributes:
        worker: which one; empty where the record does not know.
        started, finished: in Unix seconds.
        seconds: by phase.
    """

    worker: str
    started: float
    finished: float
    seconds: Mapping[str, float]


def last_results(run: Run) -> list[float]:
    """When each session recorded its last result, in Unix seconds; one without results, when it began."""
    last = [session.begun for session in run.sessions]
    for one in run.evaluations:
        if one.finished is not None and one.session < len(last):
            last[one.session] = max(last[one.session], one.finished)
    return last


def session_times(run: Run) -> list[tuple[float, float]]:
    """When each session began and when it ended, in Unix seconds: where that is not recorded, with its last result."""
    return [(session.begun, max(last, session.ended or last)) for session, last in zip(run.sessions, last_results(run))]


def ledger(run: Run) -> Ledger:
    """The five parts of a run; all are 0 before the first result."""
    seconds = dict.fromkeys(PARTS, 0.0)
    wall = workers_wall = beyond = 0.0
    for index, ((start, over), end) in enumerate(zip(session_times(run), last_results(run))):
        known = run.sessions[index].provenance.get("workers") or 1
        lanes = _lanes([_span(one) for one in run.evaluations if one.session == index and _was_begun(one)], known)
        unused = max(0, known - len(lanes))
        tail = "idle" if _ended_by_itself(run, index) else "engine"
        for lane in lanes:
            beyond += _cut(lane, start, end, tail, seconds)
        first = min((max(lane[0].started, start) for lane in lanes), default=end)
        seconds["engine"] += unused * (first - start)
        seconds[tail] += unused * (end - first)
        seconds["engine"] += (len(lanes) + unused) * (over - end)
        wall += over - start
        workers_wall += (over - start) * (len(lanes) + unused)
    return Ledger(seconds, wall, workers_wall, beyond)


def _was_begun(one: TrialRecord | CheckRecord) -> bool:
    """Whether a worker had it: not an open proposal, and not one that was answered without evaluation."""
    return isinstance(one, CheckRecord) or one.attempts > 0


def _span(one: TrialRecord | CheckRecord) -> Span:
    measured = one.measurement
    seconds = measured.seconds if measured is not None else {}
    finished = one.finished or 0.0
    started = one.started if one.started is not None else finished - sum(seconds.values())
    return Span(measured.worker if measured is not None else "", started, finished, seconds)


def _lanes(spans: Sequence[Span], known: int) -> list[list[Span]]:
    """The spans of each worker in order.

    Where more worker processes were seen than the ``known`` number that ran at a time, some came when another had gone
    for good, and such a process goes on in the other's lane. A trial that lost its worker goes where there is room.
    """
    processes: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.started):
        if span.worker:
            processes[span.worker].append(span)
    lanes: list[list[Span]] = []
    for own in processes.values():  # by their first spans
        free = [lane for lane in lanes if lane[-1].finished <= own[0].started]
        if free and len(lanes) >= known:
            max(free, key=lambda lane: lane[-1].finished).extend(own)
        else:
            lanes.append(own)
    for lost in (span for span in spans if not span.worker):  # a measured one has a place in any case
        room = next((lane for lane in lanes if not any(_overlap(span, lost) for span in lane)), None)
        if room is not None:
            room.append(lost)
        elif len(lanes) < known or lost.seconds:
            lanes.append([lost])
    return [sorted(lane, key=lambda span: span.started) for lane in lanes]


def _overlap(one: Span, other: Span) -> bool:
    return one.started < other.finished and other.started < one.finished


def _cut(lane: Sequence[Span], start: float, end: float, tail: str, seconds: dict[str, float]) -> float:
    """Add a worker's timeline from ``start`` to ``end`` to the parts; what its spans had no room for."""
    now, beyond = start, 0.0
    for span in lane:
        begun = min(max(span.started, now), end)
        finished = max(min(span.finished, end), begun)
        claimed = sum(span.seconds.values())
        room = finished - begun
        fitting = min(1.0, room / claimed) if claimed > 0 else 1.0
        for phase, value in span.seconds.items():
            seconds[PART_OF_PHASE.get(phase, "engine")] += value * fitting
        seconds["engine"] += (begun - now) + (room - claimed * fitting)
        beyond += claimed * (1.0 - fitting)
        now = finished
    seconds[tail] += end - now
    return beyond


def _ended_by_itself(run: Run, index: int) -> bool:
    """Whether a session went on until there was nothing left to hand out, as far as the record can say."""
    if checks_left(run, index):
        return False
    if index == len(run.sessions) - 1:
        return not any(trial.state is TrialState.RUNNING for trial in run.trials)
    wanted = run.sessions[index].config.get("samples")
    evaluated = sum(trial.state in EVALUATED and trial.session <= index for trial in run.trials)
    return wanted is not None and evaluated >= wanted
