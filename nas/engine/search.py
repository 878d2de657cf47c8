"""The state of a search: where controller, record and checks meet. How trials are run is not known here.

All state is a fold over the events of the record. A running search writes an event and takes it in. A resumed one takes
in what was written: it asks the controller again at each proposal and tells it each answer, in the recorded order.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from controllers.base import Controller
from nas.engine.answers import Verdict, judge
from nas.engine.asking import Asking
from nas.engine.check import Check, Checked
from nas.engine.checking import Checking
from nas.engine.costs import Costed
from nas.engine.events import Event, Finished, SessionEnded
from nas.engine.prefilter import Prefilter
from nas.engine.record import History
from nas.engine.settings import SearchSettings
from nas.engine.store import RECORD_NAME, Store
from nas.engine.trial import Trial, TrialState
from proxies.base import Measurement
from proxies.reward import AP_ALONE, Reward
from search_spaces.errors import RecordError


class Search:
    """Hands out trials and checks and takes in their results, one caller at a time.

    The references come first, then what the controller proposes, then the finalists and the final checks. The
    controller knows nothing of checks and proposes what it would without them.

    Attributes:
        settings: see :class:`SearchSettings`.
        space: decodes the decisions.
        folder: the run folder.
        reward: turns a measurement into what the controller is told.
        history: sessions, trials and checks so far; the last session is this one.
    """

    def __init__(
        self,
        controller: Controller,
        store: Store,
        settings: SearchSettings,
        reward: Reward = AP_ALONE,
        on_change: Callable[[Search], None] | None = None,
    ) -> None:
        """Take in what the store holds.

        Args:
            controller: a fresh one; it is brought to the point where the record ends.
            store: a record open for appending.
            settings: when to stop, and what to do with failures.
            reward: turns a measurement into what the controller is told, and refuses architectures that cost too much.
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
        self.reward = reward
        self._on_change = on_change
        self._in_flight: set[int] = set()
        self._unwritten: list[Event] = []
        self._prefilter = Prefilter(settings.keep)
        self._asking = Asking(controller, settings, self.history, self._prefilter, reward.refuse, self._emit)
        self._checking = Checking(settings, self.history)
        self._asking.replay(store.events, store.folder / RECORD_NAME)
        self._asking.answer_known()
        self._waiting = deque(map(self._trial, self._asking.to_evaluate()))
        self._write()

    @property
    def stop_reason(self) -> str | None:
        """Why the search is over, as a sentence; None while a trial or check is running, or another may come."""
        reason = self._why_no_more_trials()
        return reason if reason is None or self._checking.are_over() else None

    @property
    def trials_are_over(self) -> bool:
        """Whether the controller is asked for nothing more, and no trial is running."""
        return self._why_no_more_trials() is not None

    def _why_no_more_trials(self) -> str | None:
        """Why the controller is asked for nothing more; None while a trial is running or another may be proposed."""
        return None if self._waiting or self._in_flight else self._asking.why_over()

    def next_trial(self) -> Trial | Check | None:
        """What to evaluate now: a trial that was interrupted, or a new proposal, recorded before it is returned; or a
        check, which is recorded when it is done.

        Known architectures that the controller proposes on the way are answered from the record.

        Returns:
            None when there is nothing to start now. The search is over when :attr:`stop_reason` says so; otherwise
            more may come when a running evaluation is finished.

        Raises:
            RecordError: the record cannot be written.
        """
        return (
            self._checking.next_reference()
            or self._next_of_the_controller()
            or self._checking.next_at_the_end(self.trials_are_over)
        )

    def finish(self, trial: Trial | Check, measurement: Measurement, started: float | None = None) -> None:
        """Record what a trial or check gave, and tell the controller of a trial; without AP or score it is a failure.

        Args:
            trial: as handed out.
            measurement: what the proxy returned.
            started: when the worker began it, in Unix seconds.

        Raises:
            RecordError: the record cannot be written.
        """
        self._close(trial, judge(trial, measurement, self.reward, self.settings), measurement, started)

    def stop(self, trial: Trial, measurement: Measurement, reason: str, started: float | None = None) -> None:
        """Record that a trial was trained less than the others; the controller is told None and learns nothing.

        Args:
            trial: as handed out.
            measurement: what the proxy measured at the step where it was stopped.
            reason: why it was stopped, as a sentence.
            started: as in :meth:`finish`.

        Raises:
            RecordError: the record cannot be written.
        """
        verdict = judge(trial, measurement, self.reward, self.settings)
        if verdict.state is TrialState.COMPLETE:
            verdict = Verdict(TrialState.STOPPED, verdict.reward, reason)
        self._close(trial, verdict, measurement, started)

    def fail(self, trial: Trial | Check, reason: str) -> None:
        """An evaluation lost its worker: it is handed out again, or is a failure when ``retries`` are used up.

        Raises:
            RecordError: the record cannot be written.
        """
        if trial.attempt > self.settings.retries:
            self._close(trial, Verdict(TrialState.FAILED, error=reason), None, None)
        elif isinstance(trial, Check):
            self._checking.again(trial)
        else:
            self._in_flight.discard(trial.number)
            self._waiting.append(replace(trial, attempt=trial.attempt + 1))

    def _close(
        self, trial: Trial | Check, verdict: Verdict, measurement: Measurement | None, started: float | None
    ) -> None:
        """Record what was evaluated."""
        if isinstance(trial, Check):
            self._emit(Checked(trial, verdict.reward, measurement, verdict.error, started or time.time(), time.time()))
            self._checking.closed(trial)
        else:
            self._close_trial(trial, verdict, measurement, started)
        self._write()

    def _close_trial(
        self, trial: Trial, verdict: Verdict, measurement: Measurement | None, started: float | None
    ) -> None:
        """Answer a trial, and the proposals that waited for it."""
        if not self._asking.is_open(trial.number):
            raise RecordError(f"trial {trial.number} was answered before; every trial must be answered once.")
        self._asking.answer(
            Finished(
                number=trial.number,
                state=verdict.state,
                reward=self.settings.failed_reward if verdict.state is TrialState.FAILED else verdict.reward,
                measurement=measurement,
                error=verdict.error,
                started=self.history.trials[trial.number].started if started is None else started,
                finished=time.time(),
                attempts=trial.attempt,
            )
        )
        self._asking.answer_known()
        self._in_flight.discard(trial.number)

    def _next_of_the_controller(self) -> Trial | None:
        if self._waiting:
            trial = self._waiting.popleft()
        else:
            number = self._asking.propose_new()
            self._write()
            if number is None:
                return None
            trial = self._trial(number)
        self._in_flight.add(trial.number)
        return self._prefilter.hand_out(trial)

    def add_costs(self, events: Sequence[Costed]) -> None:
        """Record what detectors cost.

        Raises:
            RecordError: the record cannot be written.
        """
        self._store.append(events)
        for event in events:
            self.history.apply(event)

    def end(self) -> None:
        """Record that this session ends now.

        Raises:
            RecordError: the record cannot be written.
        """
        event = SessionEnded(time.time())
        self._store.append([event])
        self.history.apply(event)

    def _emit(self, event: Event) -> None:
        """Take an event in; :meth:`_write` puts it on the disk."""
        self._unwritten.append(event)
        self.history.apply(event)

    def _write(self) -> None:
        """Put all changes since the last call on the disk, in one transaction."""
        if self._unwritten:
            self._store.append(self._unwritten)
            self._unwritten = []
            if self._on_change is not None:
                self._on_change(self)

    def _trial(self, number: int) -> Trial:
        record = self.history.trials[number]
        assert record.architecture is not None
        return Trial(record.number, record.decisions, record.architecture, record.seed)
