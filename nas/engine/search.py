"""The state of a search: where controller, record and deduplication meet. How trials are run is not known here.

All state is a fold over the events of the record. A running search writes an event and takes it in. A resumed one takes
in what was written: it asks the controller again at each proposal and tells it each answer, in the recorded order.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from controllers.base import Controller, Proposal
from nas.engine.events import Event, Finished, Proposed
from nas.engine.proposals import ask_again, new_event
from nas.engine.record import History
from nas.engine.settings import SearchSettings
from nas.engine.store import RECORD_NAME, Store
from nas.engine.trial import Trial, TrialRecord, TrialState
from proxies.base import Measurement
from proxies.reward import reward
from search_spaces.errors import RecordError, SpaceExhausted


class Search:
    """Hands out trials and takes in their results, one caller at a time.

    Attributes:
        settings: see :class:`SearchSettings`.
        space: decodes the decisions.
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
            controller: a fresh one; it is brought to the point where the record ends.
            store: a record open for appending.
            settings: when to stop, and what to do with failures.
            reward: turns a measurement into what the controller is told.
            on_change: called after every recorded change, for example by a progress line.

        Raises:
            RecordError: the controller does not propose what is recorded.
        """
        self.settings = settings
        self.space = controller.space
        self.folder = store.folder
        self.history = History(store.folder / RECORD_NAME)
        self._controller = controller
        self._store = store
        self._reward = reward
        self._on_change = on_change
        self._open: dict[int, Proposal] = {}  # proposals without an answer, in the order in which they were made
        self._originals: dict[str, int] = {}  # fingerprint -> the trial that evaluates the architecture
        self._in_flight: set[int] = set()
        self._unwritten: list[Event] = []
        self._nothing_new = 0
        self._exhausted: str | None = None
        self._replay()
        self._answer_known()
        self._waiting = deque(self._trial(number) for number in self._open if self._needs_evaluation(number))
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

        Known architectures that the controller proposes on the way are answered from the record.

        Returns:
            None when there is nothing to start now. The search is over when :attr:`stop_reason` says so; otherwise
            more may come when a running trial is finished.

        Raises:
            RecordError: the record cannot be written.
        """
        if self._waiting:
            trial = self._waiting.popleft()
        else:
            number = self._propose_new()
            self._write()
            if number is None:
                return None
            trial = self._trial(number)
        self._in_flight.add(trial.number)
        return trial

    def finish(self, trial: Trial, measurement: Measurement, started: float | None = None) -> None:
        """Record what a trial gave and tell the controller; one without AP or score makes the trial FAILED.

        Args:
            trial: as handed out.
            measurement: what the proxy returned.
            started: when the worker began it, in Unix seconds.

        Raises:
            RecordError: the record cannot be written.
        """
        missing = "the proxy reported no AP and no score." if measurement.value is None else None
        error = measurement.error or missing
        reward = None if error else self._reward(measurement)
        if error is None and (reward is None or not math.isfinite(reward)):
            error = f"the reward is {reward}; it must be a finite number."
        self._close(trial, None if error else reward, measurement, error, started)

    def fail(self, trial: Trial, reason: str) -> None:
        """A trial lost its worker: it is handed out again, or recorded as FAILED when ``retries`` are used up.

        Raises:
            RecordError: the record cannot be written.
        """
        if trial.attempt <= self.settings.retries:
            self._in_flight.discard(trial.number)
            self._waiting.append(replace(trial, attempt=trial.attempt + 1))
        else:
            self._close(trial, None, None, reason, None)

    def _close(
        self,
        trial: Trial,
        reward: float | None,
        measurement: Measurement | None,
        error: str | None,
        started: float | None,
    ) -> None:
        """Answer a trial that was evaluated, and the proposals that waited for it; without a reward it is FAILED."""
        if trial.number not in self._open:
            raise RecordError(f"trial {trial.number} was answered before; every trial must be answered once.")
        self._answer(
            Finished(
                number=trial.number,
                state=TrialState.FAILED if reward is None else TrialState.COMPLETE,
                reward=self.settings.failed_reward if reward is None else float(reward),
                measurement=measurement,
                error=error,
                started=self.history.trials[trial.number].started if started is None else started,
                finished=time.time(),
                attempts=trial.attempt,
            )
        )
        self._answer_known()
        self._in_flight.discard(trial.number)
        self._write()

    def _propose_new(self) -> int | None:
        """Ask until an unknown architecture comes; the number of its proposal, or None when a bound is met first."""
        while len(self._originals) < self.settings.samples and self._nothing_new < self.settings.max_duplicates:
            try:
                proposal = self._controller.ask()
            except SpaceExhausted as error:
                self._exhausted = str(error)
                return None
            event = new_event(proposal, self.space, self.settings.seed)
            self._unwritten.append(event)
            self._take_proposal(event, proposal)
            if self._needs_evaluation(proposal.number):
                return proposal.number
            self._answer_known()
        return None

    def _needs_evaluation(self, number: int) -> bool:
        """Whether an open proposal is the first of its architecture."""
        record = self.history.trials[number]
        return record.architecture is not None and self._originals[record.fingerprint] == number

    def _answer_known(self) -> None:
        """Answer every open proposal that needs no evaluation and whose answer is known by now."""
        for number in tuple(self._open):
            if not self._needs_evaluation(number) and (answer := self._known_answer(self.history.trials[number])):
                self._answer(answer)

    def _known_answer(self, record: TrialRecord) -> Finished | None:
        """The answer to a proposal that needs no evaluation; None while the trial that it waits for is running."""
        if record.architecture is None:
            state, reward, error = TrialState.INFEASIBLE, self.settings.failed_reward, record.error
        else:
            original = self.history.trials[self._originals[record.fingerprint]]
            if original.state is TrialState.RUNNING:
                return None
            state, reward, error = TrialState.DUPLICATE, original.reward, original.error
        return Finished(record.number, state, reward, None, error, record.started, time.time(), attempts=0)

    def _answer(self, event: Finished) -> None:
        """Tell the controller, note what that changed, and record the answer."""
        before = self._controller.metrics()
        self._tell(event)
        after = self._controller.metrics()
        event = event if after == before else replace(event, controller_metrics=after)
        self._unwritten.append(event)
        self.history.apply(event)

    def _take_proposal(self, event: Proposed, proposal: Proposal) -> None:
        self.history.apply(event)
        self._open[event.number] = proposal
        known = event.architecture is None or event.fingerprint in self._originals
        self._nothing_new = self._nothing_new + 1 if known else 0
        if not known:
            self._originals[event.fingerprint] = event.number

    def _tell(self, event: Finished) -> None:
        self._controller.tell(self._open.pop(event.number), event.reward)
        if event.attempts:
            self._nothing_new = 0

    def _write(self) -> None:
        """Put all changes since the last call on the disk, in one transaction."""
        if self._unwritten:
            self._store.append(self._unwritten)
            self._unwritten = []
            if self._on_change is not None:
                self._on_change(self)

    def _replay(self) -> None:
        for event in self._store.events:
            match event:
                case Proposed():
                    self._take_proposal(event, ask_again(self._controller, event, self.folder / RECORD_NAME))
                case Finished():
                    self.history.apply(event)
                    self._tell(event)
                case _:
                    self.history.apply(event)

    def _trial(self, number: int) -> Trial:
        record = self.history.trials[number]
        assert record.architecture is not None
        return Trial(record.number, record.decisions, record.architecture, record.seed)
