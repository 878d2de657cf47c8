"""What a run's record says: sessions and trials, folded from its events in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, auto
from pathlib import Path
from typing import Any

from nas.engine.rows import Event
from nas.engine.store import read_events
from proxies.base import Measurement
from search_spaces.architecture import Architecture
from search_spaces.decisions import Decisions
from search_spaces.errors import NasError, RecordError


class TrialState(StrEnum):
    """What became of a proposal."""

    RUNNING = auto()
    """Proposed, not answered yet."""
    COMPLETE = auto()
    """Evaluated; has a reward and a measurement."""
    FAILED = auto()
    """Evaluated without a result; ``error`` says why."""
    INFEASIBLE = auto()
    """The decisions give no valid architecture; nothing was evaluated."""
    DUPLICATE = auto()
    """The architecture was known; answered from the record, not evaluated again."""


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One proposal and its answer.

    Attributes:
        number: 0, 1, 2, ... in the order of proposal.
        state: see :class:`TrialState`.
        decisions: what the controller proposed.
        architecture: what they decode to; None when infeasible.
        fingerprint: the architecture's; empty when infeasible.
        seed: seed of its evaluation.
        session: index of the session that answered it, or that proposed it while it is running.
        started: when a worker began it (until it is answered: when it was proposed), in Unix seconds.
        finished: when its answer was recorded, in Unix seconds; None while it is running.
        reward: what the controller was told; None for no reward.
        measurement: what the proxy measured; None for trials that were not evaluated or lost their worker.
        error: why there is no result, as a sentence.
        attempts: how often it was begun, retries included; 0 for trials that were not evaluated.
    """

    number: int
    state: TrialState
    decisions: Decisions
    architecture: Architecture | None
    fingerprint: str
    seed: int
    session: int
    started: float | None = None
    finished: float | None = None
    reward: float | None = None
    measurement: Measurement | None = None
    error: str | None = None
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """One start of the command on a run folder.

    Attributes:
        started: in Unix seconds.
        config: the resolved configuration.
        provenance: commit, versions, device, data set fingerprint.
        identity: what must be equal in all sessions of a run.
    """

    started: float
    config: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder's record as read: sessions in order, trials by number, and what was odd about the file."""

    sessions: tuple[Session, ...]
    trials: tuple[TrialRecord, ...]
    warnings: tuple[str, ...] = ()


def read_run(folder: Path | str) -> Run:
    """Read a run folder's record; changes nothing and works while the search is running.

    Raises:
        RecordError: there is no record, or it is damaged.
    """
    folder = Path(folder)
    events, warnings = read_events(folder)
    history = History()
    for event in events:
        history.apply(event)
    return Run(tuple(history.sessions), tuple(history.trials), tuple(warnings))


def proposed_event(record: TrialRecord) -> Event:
    """The event that a proposal was made."""
    return {
        "kind": "proposed",
        "number": record.number,
        "decisions": list(record.decisions),
        "architecture": record.architecture.to_dict() if record.architecture else None,
        "fingerprint": record.fingerprint,
        "seed": record.seed,
        "time": record.started,
        "error": record.error,
    }


def finished_event(record: TrialRecord) -> Event:
    """The event that a proposal was answered."""
    return {
        "kind": "finished",
        "number": record.number,
        "state": record.state.value,
        "reward": record.reward,
        "measurement": record.measurement.to_dict() if record.measurement else None,
        "error": record.error,
        "started": record.started,
        "finished": record.finished,
        "attempts": record.attempts,
    }


class History:
    """Sessions and trials so far; :meth:`apply` takes in one event."""

    def __init__(self) -> None:
        self.sessions: list[Session] = []
        self.trials: list[TrialRecord] = []

    def apply(self, event: Event) -> TrialRecord | None:
        """Take in the next event; the trial that it made or answered, None for a session.

        Raises:
            RecordError: the event does not follow from those before it.
        """
        kind = event.get("kind")
        try:
            if kind == "session":
                self._begin_session(event)
                return None
            if kind == "proposed":
                return self._propose(event)
            if kind == "finished":
                return self._finish(event)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, RecordError):
                raise
            reason = str(error) if isinstance(error, NasError) else f"{type(error).__name__}: {error}"
            raise RecordError(
                f"the record's event {kind} of trial {event.get('number')} is malformed: {reason}"
            ) from None
        raise RecordError(f"the record has an event of kind {kind!r}; known: session, proposed, finished.")

    def _begin_session(self, event: Event) -> None:
        self.sessions.append(Session(event["started"], event["config"], event["provenance"], event["identity"]))

    def _propose(self, event: Event) -> TrialRecord:
        if event["number"] != len(self.trials):
            raise RecordError(f"the record has trial {event['number']} where {len(self.trials)} is due.")
        architecture = event["architecture"]
        record = TrialRecord(
            number=event["number"],
            state=TrialState.RUNNING,
            decisions=tuple(event["decisions"]),
            architecture=None if architecture is None else Architecture.from_dict(architecture),
            fingerprint=event["fingerprint"],
            seed=event["seed"],
            session=len(self.sessions) - 1,
            started=event["time"],
            error=event["error"],
        )
        self.trials.append(record)
        return record

    def _finish(self, event: Event) -> TrialRecord:
        number = event["number"]
        if not 0 <= number < len(self.trials) or self.trials[number].state is not TrialState.RUNNING:
            raise RecordError(f"the record answers trial {number}, which is not running at that point.")
        measurement = event["measurement"]
        record = replace(
            self.trials[number],
            state=TrialState(event["state"]),
            session=len(self.sessions) - 1,
            started=event["started"],
            finished=event["finished"],
            reward=event["reward"],
            measurement=None if measurement is None else Measurement.from_dict(measurement),
            error=event["error"],
            attempts=event["attempts"],
        )
        self.trials[number] = record
        return record
