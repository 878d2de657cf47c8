"""The controller in a search that runs: its open proposals, what it is told, and what is known already."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from controllers.base import Controller, Proposal
from nas.engine.answers import told
from nas.engine.events import Event, Finished, Proposed
from nas.engine.prefilter import Prefilter
from nas.engine.proposals import Refuse, ask_again, new_event
from nas.engine.record import History
from nas.engine.settings import SearchSettings
from nas.engine.trial import TrialRecord, TrialState
from search_spaces.errors import SpaceExhausted


class Asking:
    """Asks for proposals, answers those that need no evaluation, and tells the controller every answer."""

    def __init__(
        self,
        controller: Controller,
        settings: SearchSettings,
        history: History,
        prefilter: Prefilter,
        refuse: Refuse,
        emit: Callable[[Event], None],
    ) -> None:
        """``prefilter`` is kept informed; ``emit`` takes each event into the history and has it written."""
        self._controller = controller
        self._settings = settings
        self._history = history
        self._prefilter = prefilter
        self._refuse = refuse
        self._emit = emit
        self._open: dict[int, Proposal] = {}  # proposals without an answer, in the order in which they were made
        self._originals: dict[str, int] = {}  # fingerprint -> the trial that evaluates the architecture
        self._nothing_new = 0
        self._exhausted: str | None = None

    def replay(self, events: Iterable[Event], path: Path) -> None:
        """Take in what is recorded: the controller is asked and told again, in the recorded order.

        Raises:
            RecordError: it does not propose what is recorded in the record ``path``.
        """
        for event in events:
            if isinstance(event, Proposed):
                proposal = ask_again(self._controller, event, path)
                self._history.apply(event)
                self._take_proposal(event, proposal)
            else:
                self._history.apply(event)
                if isinstance(event, Finished):
                    self._tell(event)

    def propose_new(self) -> int | None:
        """Ask until an unknown architecture comes; the number of its proposal, or None when a bound is met first."""
        settings = self._settings
        while self._samples < settings.samples and self._in_vain < settings.max_duplicates:
            try:
                proposal = self._controller.ask()
            except SpaceExhausted as error:
                self._exhausted = str(error)
                return None
            event = new_event(proposal, self._controller.space, settings.seed, self._refuse)
            self._emit(event)
            self._take_proposal(event, proposal)
            if self._needs_evaluation(proposal.number):
                return proposal.number
            self.answer_known()
        return None

    def is_open(self, number: int) -> bool:
        """Whether a proposal has no answer yet."""
        return number in self._open

    def to_evaluate(self) -> list[int]:
        """The open proposals that need an evaluation, in order."""
        return [number for number in self._open if self._needs_evaluation(number)]

    def answer(self, event: Finished) -> None:
        """Tell the controller, note what that changed, and record the answer."""
        before = self._controller.metrics()
        self._tell(event)
        after = self._controller.metrics()
        self._emit(event if after == before else replace(event, controller_metrics=after))

    def answer_known(self) -> None:
        """Answer every open proposal that needs no evaluation and whose answer is known by now."""
        for number in tuple(self._open):
            if not self._needs_evaluation(number) and (answer := self._known_answer(self._history.trials[number])):
                self.answer(answer)

    def why_over(self) -> str | None:
        """Why nothing more is asked for when no trial is running, as a sentence; None while more may come."""
        if self._samples >= self._settings.samples:
            return f"all {self._settings.samples} samples were evaluated."
        if self._exhausted is not None:
            return f"the controller has nothing new to propose: {self._exhausted}"
        if self._nothing_new >= self._settings.max_duplicates:
            return (
                f"the last {self._nothing_new} proposals were all known architectures or infeasible (max_duplicates is "
                f"{self._settings.max_duplicates}); the controller has converged or the space is used up."
            )
        return self._prefilter.stop_reason(self._settings.max_duplicates)

    @property
    def _samples(self) -> int:
        """Architectures that are evaluated or will be, as far as is known; the filter may turn some of them down."""
        return len(self._originals) - self._prefilter.turned_down

    @property
    def _in_vain(self) -> int:
        """How long nothing was trained: proposals in a row that were known, or that the filter turned down."""
        return max(self._nothing_new, self._prefilter.in_a_row)

    def _needs_evaluation(self, number: int) -> bool:
        """Whether an open proposal is the first of its architecture, which may be trained."""
        record = self._history.trials[number]
        return record.error is None and self._originals[record.fingerprint] == number

    def _known_answer(self, record: TrialRecord) -> Finished | None:
        """The answer to a proposal that needs no evaluation; None while the trial that it waits for is running."""
        state, reward, error = TrialState.INFEASIBLE, self._settings.failed_reward, record.error
        if error is None:
            original = self._history.trials[self._originals[record.fingerprint]]
            if original.state is TrialState.RUNNING:
                return None
            state, reward, error = TrialState.DUPLICATE, told(original), original.error
        return Finished(record.number, state, reward, None, error, record.started, time.time(), attempts=0)

    def _take_proposal(self, event: Proposed, proposal: Proposal) -> None:
        self._open[event.number] = proposal
        known = event.error is not None or event.fingerprint in self._originals
        self._nothing_new = self._nothing_new + 1 if known else 0
        if not known:
            self._originals[event.fingerprint] = event.number

    def _tell(self, event: Finished) -> None:
        self._controller.tell(self._open.pop(event.number), told(event))
        self._prefilter.take(event)
        if event.attempts:
            self._nothing_new = 0
