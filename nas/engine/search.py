"""The state of a search: where controller, record and deduplication meet. It knows nothing of how trials are run.

All state is a fold over the record's events. A running search writes an event and takes it in; a resumed one takes in
what was written, asking the controller again at each proposal and telling it each answer, in the recorded order.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from controllers.base import Controller, Proposal
from nas.engine.record import History, TrialRecord, TrialState, finished_event, proposed_event
from nas.engine.rows import Event
from nas.engine.store import RECORD_NAME, Store
from nas.engine.trial import SearchSettings, Trial, trial_seed
from proxies.base import Measurement
from proxies.reward import reward
from search_spaces.errors import ArchitectureError, RecordError, SpaceError, SpaceExhausted


class Search:
    """Hands out trials and takes in their results, one caller at a time.

    Attributes:
        settings: see :class:`SearchSettings`.
        space: what decisions decode in.
        folder: the run folder.
        history: sessions and trials so far; the last session is this one.
    """

    def __init__(
        self,
        controller: Controller,
        store: Store,
        settings: SearchSettings,
        reward: Callable[[Measurement], float | None] = reward,
        on_change: Callable[[Search], None] | None = None,
    ) -> None:
        """Take in what the store holds.

        Args:
            controller: a fresh one; it is brought to where the record ends.
            store: a record open for appending.
            settings: when to stop, and what to do with failures.
            reward: turns a measurement into what the controller is told.
            on_change: called after every recorded change (the progress line).

        Raises:
            RecordError: the controller does not propose what is recorded.
        """
        self.settings = settings
        self.space = controller.space
        self.folder = store.folder
        self.history = History()
        self._controller = controller
        self._store = store
        self._reward = reward
        self._on_change = on_change
        self._proposals: dict[int, Proposal] = {}
        self._originals: dict[str, int] = {}
        self._followers: dict[int, list[int]] = {}
        self._in_flight: set[int] = set()
        self._unwritten: list[Event] = []
        self._nothing_new = 0
        self._exhausted: str | None = None
        self._replay()
        self._waiting = deque(self._trial(record) for record in self.history.trials if self._settle(record))
        self._write()

    @property
    def stop_reason(self) -> str | None:
        """Why the search is over, as a sentence; None while a trial is running or another may be proposed."""
        if self._waiting or self._in_flight:
            return None
        if len(self._originals) >= self.settings.samples:
            return f"all {self.settings.samples} samples were evaluated."
        if self._exhausted is not None:
            return f"the controller has nothing new to propose: {self._exhausted}"
        if self._nothing_new >= self.settings.max_duplicates:
            return (
                f"the last {self._nothing_new} proposals were all known architectures (max_duplicates is "
                f"{self.settings.max_duplicates}); the controller has converged or the space is used up."
            )
        return None

    def next_trial(self) -> Trial | None:
        """A trial to evaluate now: one that was interrupted, or a new proposal, recorded before it is returned.

        Known architectures that the controller proposes on the way are answered from the record. None: nothing to
        start now; over when :attr:`stop_reason` says so, else more may come when a running trial is finished.

        Raises:
            RecordError: the record cannot be written.
        """
        if self._waiting:
            trial = self._waiting.popleft()
        else:
            record = self._propose_new()
            self._write()
            if record is None:
                return None
            trial = self._trial(record)
        self._in_flight.add(trial.number)
        return trial

    def finish(self, trial: Trial, measurement: Measurement, started: float | None = None) -> None:
        """Record what a trial gave and tell the controller; a measurement without AP makes the trial FAILED.

        Args:
            trial: as handed out.
            measurement: what the proxy returned.
            started: when the worker began it, in Unix seconds.

        Raises:
            RecordError: the record cannot be written.
        """
        error = measurement.error or (None if measurement.ap is not None else "the proxy reported no AP.")
        reward = None if error else self._reward(measurement)
        if error is None and (reward is None or not math.isfinite(reward)):
            error = f"the reward is {reward}; it must be a finite number."
        state = TrialState.FAILED if error else TrialState.COMPLETE
        self._close(trial, state, reward, measurement, error, started)

    def fail(self, trial: Trial, reason: str) -> None:
        """A trial lost its worker: it is handed out again, or after ``retries`` times recorded as FAILED.

        Raises:
            RecordError: the record cannot be written.
        """
        if trial.attempt <= self.settings.retries:
            self._in_flight.discard(trial.number)
            self._waiting.append(replace(trial, attempt=trial.attempt + 1))
        else:
            self._close(trial, TrialState.FAILED, None, None, reason, None)

    def _close(
        self,
        trial: Trial,
        state: TrialState,
        reward: float | None,
        measurement: Measurement | None,
        error: str | None,
        started: float | None,
    ) -> None:
        record = self.history.trials[trial.number]
        self._answer(
            replace(
                record,
                state=state,
                reward=float(reward) if state is TrialState.COMPLETE and reward is not None else self._failed_reward,
                measurement=measurement,
                error=error,
                started=record.started if started is None else started,
                attempts=trial.attempt,
            )
        )
        for number in self._followers.pop(trial.number, ()):
            self._settle(self.history.trials[number])
        self._in_flight.discard(trial.number)
        self._write()

    def _propose_new(self) -> TrialRecord | None:
        """Ask until an architecture comes that is not known; None when the bounds are met first."""
        while len(self._originals) < self.settings.samples and self._nothing_new < self.settings.max_duplicates:
            try:
                proposal = self._controller.ask()
            except SpaceExhausted as error:
                self._exhausted = str(error)
                return None
            record = self._take(proposed_event(self._new_record(proposal)), proposal)
            if self._settle(record):
                return record
        return None

    def _new_record(self, proposal: Proposal) -> TrialRecord:
        try:
            architecture, error = self.space.decode(proposal.decisions), None
        except (ArchitectureError, SpaceError) as problem:
            architecture, error = None, str(problem)
        return TrialRecord(
            number=proposal.number,
            state=TrialState.RUNNING,
            decisions=proposal.decisions,
            architecture=architecture,
            fingerprint=architecture.fingerprint if architecture else "",
            seed=trial_seed(self.settings.seed, proposal.number),
            session=len(self.history.sessions) - 1,
            started=time.time(),
            error=error,
        )

    def _settle(self, record: TrialRecord) -> bool:
        """Answer a running record that needs no evaluation, if its answer is known; whether it needs one."""
        if record.state is not TrialState.RUNNING:
            return False
        if record.architecture is None:
            self._answer(replace(record, state=TrialState.INFEASIBLE, reward=self._failed_reward))
            return False
        original = self.history.trials[self._originals[record.fingerprint]]
        if original.number == record.number:
            return True
        if original.state is not TrialState.RUNNING:
            self._answer(replace(record, state=TrialState.DUPLICATE, reward=original.reward, error=original.error))
        return False

    def _answer(self, record: TrialRecord) -> None:
        event = finished_event(replace(record, finished=time.time()))
        self._unwritten.append(event)
        self._apply(event, None)

    def _take(self, event: Event, proposal: Proposal) -> TrialRecord:
        self._unwritten.append(event)
        return self._apply(event, proposal)

    def _write(self) -> None:
        """Put all changes since the last call on the disk, in one transaction."""
        if self._unwritten:
            self._store.append(self._unwritten)
            self._unwritten = []
            if self._on_change is not None:
                self._on_change(self)

    def _apply(self, event: Event, proposal: Proposal | None) -> TrialRecord:
        """Take in one event: the history, what is known, and the controller."""
        record = self.history.apply(event)
        assert record is not None
        if proposal is not None:
            self._proposals[record.number] = proposal
            self._note_proposal(record)
        else:
            self._controller.tell(self._proposals.pop(record.number), record.reward)
            if record.attempts:
                self._nothing_new = 0
        return record

    def _note_proposal(self, record: TrialRecord) -> None:
        if record.architecture is None:
            self._nothing_new += 1
            return
        original = self._originals.setdefault(record.fingerprint, record.number)
        if original == record.number:
            self._nothing_new = 0
            return
        self._nothing_new += 1
        if self.history.trials[original].state is TrialState.RUNNING:
            self._followers.setdefault(original, []).append(record.number)

    def _replay(self) -> None:
        for event in self._store.events:
            if event.get("kind") == "session":
                self.history.apply(event)
            elif event.get("kind") == "proposed":
                self._apply(event, self._ask_again(event))
            else:
                self._apply(event, None)

    def _ask_again(self, event: Event) -> Proposal:
        recorded = tuple(event["decisions"])
        try:
            proposal = self._controller.ask()
        except SpaceExhausted as error:
            raise RecordError(
                self._replay_difference(event["number"], f"it has nothing to propose ({error})")
            ) from None
        if (proposal.number, proposal.decisions) != (event["number"], recorded):
            raise RecordError(
                self._replay_difference(event["number"], f"{list(proposal.decisions)} instead of {list(recorded)}")
            )
        return proposal

    def _replay_difference(self, number: int, found: str) -> str:
        return (
            f"record {self._store.folder / RECORD_NAME}: replayed, the controller proposes another trial {number}: "
            f"{found}; the controller, its settings or the code differ from those that wrote the record."
        )

    def _trial(self, record: TrialRecord) -> Trial:
        assert record.architecture is not None
        return Trial(record.number, record.decisions, record.architecture, record.seed)

    @property
    def _failed_reward(self) -> float | None:
        return self.settings.failed_reward
