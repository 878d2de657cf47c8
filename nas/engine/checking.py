"""The checks of a search that runs: which one is next, which are under way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nas.engine.check import Check, Key
from nas.engine.finalists import final_checks, reference_checks, wanted_checks
from nas.engine.record import History
from nas.engine.settings import SearchSettings


class Checking:
    """Hands out checks, one caller at a time. What is wanted follows from the settings and the record alone."""

    def __init__(self, settings: SearchSettings, history: History) -> None:
        self._settings = settings
        self._history = history
        self._in_flight: set[Key] = set()
        self._again: list[Check] = []

    def next_reference(self) -> Check | None:
        """A reference that is not measured yet."""
        return self._next(reference_checks(self._settings))

    def next_at_the_end(self, trials_are_over: bool) -> Check | None:
        """A finalist, a final check of a reference, or one of the winner.

        Those of references depend on no trial, so they are handed out while the last trials and finalists run.
        """
        return self._next(self._wanted_at_the_end(trials_are_over))

    def are_over(self) -> bool:
        """Whether none is under way or missing, once the trials are over."""
        return not self._in_flight and not self._again and self._first_missing(self._wanted_at_the_end(True)) is None

    def again(self, check: Check) -> None:
        """A check lost its worker and is handed out once more."""
        self._in_flight.discard(check.key)
        self._again.append(replace(check, attempt=check.attempt + 1))

    def closed(self, check: Check) -> None:
        """A check is recorded."""
        self._in_flight.discard(check.key)

    def _wanted_at_the_end(self, trials_are_over: bool) -> list[Check]:
        if not trials_are_over:
            return final_checks(self._settings, None)
        return wanted_checks(self._settings, self._history.trials, self._history.checks)

    def _next(self, wanted: Iterable[Check]) -> Check | None:
        check = self._again.pop(0) if self._again else self._first_missing(wanted)
        if check is not None:
            self._in_flight.add(check.key)
        return check

    def _first_missing(self, wanted: Iterable[Check]) -> Check | None:
        known = {done.check.key for done in self._history.checks} | self._in_flight
        return next((check for check in wanted if check.key not in known), None)
