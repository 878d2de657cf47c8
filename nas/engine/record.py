"""What a run's record says: sessions and trials, folded from its events in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nas.engine.check import Checked, CheckRecord
from nas.engine.costs import Costed
from nas.engine.events import Event, Finished, Proposed, SessionBegun, SessionEnded
from nas.engine.store import RECORD_NAME, read_events
from nas.engine.trial import TrialRecord, TrialState
from search_spaces.errors import RecordError


@dataclass(frozen=True, slots=True)
class Session:
    """One start of the command on a run folder.

    Attributes:
        started: in Unix seconds.
        config: the resolved configuration.
        provenance: commit, versions, device, fingerprint of the data set; when the command was given and how many
            workers it has, where they are known; by name, the references as they were read.
        identity: what must be equal in all sessions of a run.
        ended: when the command had done all that it does, in Unix seconds; None where it was cut off or is under way,
            and in records of earlier versions.
    """

    started: float
    config: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)
    ended: float | None = None

    @property
    def begun(self) -> float:
        """When the command was given, before it read its data, in Unix seconds; where that is unknown, ``started``."""
        return min(self.started, self.provenance.get("command_started", self.started))


@dataclass(frozen=True, slots=True)
class Run:
    """The record of a run folder as read.

    Attributes:
        sessions: in order.
        trials: by number.
        warnings: sentences about what was odd in the file.
        checks: references, finalists and final checks, in the order in which they ended.
        costs: what the detectors that a user will build cost, one a fingerprint and image size, the latest.
    """

    sessions: tuple[Session, ...]
    trials: tuple[TrialRecord, ...]
    warnings: tuple[str, ...] = ()
    checks: tuple[CheckRecord, ...] = ()
    costs: tuple[Costed, ...] = ()

    @property
    def evaluations(self) -> tuple[TrialRecord | CheckRecord, ...]:
        """What workers may have evaluated: the trials, then the checks."""
        return (*self.trials, *self.checks)

    def ending(self, moment: float) -> Run:
        """The same with a last session that ends then, in Unix seconds."""
        return replace(self, sessions=(*self.sessions[:-1], replace(self.sessions[-1], ended=moment)))


def read_run(folder: Path | str) -> Run:
    """Read the record of a run folder; changes nothing and works while the search is running.

    Raises:
        RecordError: there is no record, or it is damaged.
    """
    folder = Path(folder)
    events, warnings = read_events(folder)
    return fold(events, folder / RECORD_NAME, warnings)


def fold(events: Iterable[Event], path: Path, warnings: Iterable[str] = ()) -> Run:
    """What the events of the record ``path`` say.

    Raises:
        RecordError: an event does not follow from those before it, or contradicts itself.
    """
    history = History(path)
    for event in events:
        history.apply(event)
    return history.as_run(warnings)


class History:
    """Sessions, trials and checks so far; :meth:`apply` takes in one event.

    Attributes:
        sessions: in order.
        trials: by number.
        checks: in the order in which they ended.
        costs: (fingerprint, image size) -> the latest.
    """

    def __init__(self, path: Path) -> None:
        """Nothing has happened yet; ``path`` is the record that errors name."""
        self.sessions: list[Session] = []
        self.trials: list[TrialRecord] = []
        self.checks: list[CheckRecord] = []
        self.costs: dict[tuple[str, int], Costed] = {}
        self._path = path

    def as_run(self, warnings: Iterable[str] = ()) -> Run:
        """All of it as it stands now."""
        sessions, trials, checks = tuple(self.sessions), tuple(self.trials), tuple(self.checks)
        return Run(sessions, trials, tuple(warnings), checks, tuple(self.costs.values()))

    def apply(self, event: Event) -> None:
        """Take in the next event.

        Raises:
            RecordError: the event does not follow from those before it, or contradicts itself.
        """
        try:
            match event:
                case SessionBegun():
                    self.sessions.append(Session(event.started, event.config, event.provenance, event.identity))
                case SessionEnded():
                    self.sessions[-1] = replace(self.sessions[-1], ended=event.time)
                case Proposed():
                    self.trials.append(self._proposed(event))
                case Finished():
                    self.trials[event.number] = self._finished(event)
                case Checked():
                    self.checks.append(self._checked(event))
                case Costed():
                    self.costs[event.fingerprint, event.image_size] = event
        except RecordError as error:
            raise RecordError(f"record {self._path}: {error}") from None

    def _proposed(self, event: Proposed) -> TrialRecord:
        if event.number != len(self.trials):
            raise RecordError(f"trial {event.number} was proposed where trial {len(self.trials)} must come.")
        return TrialRecord(
            number=event.number,
            state=TrialState.RUNNING,
            decisions=event.decisions,
            architecture=event.architecture,
            fingerprint=event.fingerprint,
            seed=event.seed,
            session=len(self.sessions) - 1,
            started=event.time,
            error=event.error,
        )

    def _finished(self, event: Finished) -> TrialRecord:
        if not 0 <= event.number < len(self.trials) or self.trials[event.number].state is not TrialState.RUNNING:
            raise RecordError(f"trial {event.number} was answered, but it is not running at that point.")
        return replace(
            self.trials[event.number],
            state=event.state,
            session=len(self.sessions) - 1,
            started=event.started,
            finished=event.finished,
            reward=event.reward,
            measurement=event.measurement,
            error=event.error,
            attempts=event.attempts,
            controller_metrics=event.controller_metrics,
        )

    def _checked(self, event: Checked) -> CheckRecord:
        return CheckRecord(
            check=event.check,
            session=len(self.sessions) - 1,
            reward=event.reward,
            measurement=event.measurement,
            error=event.error,
            started=event.started,
            finished=event.finished,
        )
