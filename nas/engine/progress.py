"""The line that says how a search is going."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from nas.engine.check import CheckRecord
from nas.engine.finalists import planned, training_left
from nas.engine.search import Search
from nas.engine.settings import SearchSettings
from nas.engine.trial import EVALUATED, TrialRecord, TrialState
from nas.words import duration, number, rewrite_line

WINDOW = 10
TERMINAL_SECONDS = 0.5
PLAIN_SECONDS = 30.0


def progress_text(
    trials: Sequence[TrialRecord],
    settings: SearchSettings,
    session: int,
    session_started: float,
    now: float,
    checks: Sequence[CheckRecord] = (),
    over: bool = False,
) -> str:
    """One line: evaluated/wanted, checks, best AP or score, mean of the last, trials per hour, time left, failures.

    Args:
        trials, checks: the record so far.
        settings: of the search.
        session: index of this session; the rate counts what was answered in it, not in earlier ones. A check counts
            as many trials as its training is longer.
        session_started, now: in Unix seconds.
        over: whether no further trial comes.
    """
    states = Counter(trial.state for trial in trials)
    evaluated = [trial for trial in trials if trial.state in EVALUATED]
    parts = [
        f"{len(evaluated)}/{settings.samples}",
        *_check_part(settings, trials, checks, over),
        *_value_parts(evaluated),
    ]
    fresh = float(sum(trial.session == session for trial in evaluated))
    fresh += sum(done.trainings for done in checks if done.session == session)
    if fresh and now > session_started:
        seconds_each = (now - session_started) / fresh
        parts.append(f"{3600 / seconds_each:,.{0 if seconds_each < 36 else 1}f} trials/h")
        if left := training_left(settings, trials, checks, over):
            parts.append(f"{duration(seconds_each * left)} left")
    for state, word in (
        (TrialState.STOPPED, "stopped early"),
        (TrialState.FILTERED, "filtered out"),
        (TrialState.DUPLICATE, "known before"),
        (TrialState.FAILED, "failed"),
        (TrialState.INFEASIBLE, "infeasible"),
    ):
        if states[state]:
            parts.append(f"{states[state]} {word}")
    return " | ".join(parts)


def _check_part(
    settings: SearchSettings, trials: Sequence[TrialRecord], checks: Sequence[CheckRecord], over: bool
) -> list[str]:
    """Done/wanted checks; those of earlier settings are done beyond what is wanted."""
    wanted = sum(planned(settings, trials, over).values())
    return [f"checks {min(len(checks), wanted)}/{wanted}"] if wanted else []


def _value_parts(evaluated: Sequence[TrialRecord]) -> list[str]:
    in_order = sorted(evaluated, key=lambda trial: trial.finished or 0.0)
    measured = [trial.measurement for trial in in_order if trial.measurement and trial.state is TrialState.COMPLETE]
    values = [measurement.value for measurement in measured if measurement.value is not None]
    if not values:
        return []
    name = next(measurement.value_name for measurement in measured if measurement.value is not None)
    last = values[-WINDOW:]
    return [f"best {name} {number(max(values), 4)}", f"mean of last {len(last)} {number(sum(last) / len(last), 4)}"]


class ProgressLine:
    """Prints :func:`progress_text`: rewrites one line on a terminal, and adds a line now and then to a file.

    Give it to :class:`Search` as ``on_change``, and call :meth:`close` at the end.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._given = stream
        self._terminal = self._stream.isatty()
        self._printed = time.monotonic()
        self._last: Search | None = None

    @property
    def _stream(self) -> TextIO:
        """Standard error as it is now: a runner may keep it apart from what libraries write to it."""
        return self._given or sys.stderr

    def __call__(self, search: Search) -> None:
        """Print if the last line is old enough."""
        self._last = search
        pause = TERMINAL_SECONDS if self._terminal else PLAIN_SECONDS
        if time.monotonic() - self._printed >= pause:
            self._print(search)

    def close(self) -> None:
        """Print how the search stands now, and end the line; a second call does nothing."""
        if self._last is not None:
            self._print(self._last)
            if self._terminal:
                self._write("\n")
            self._last = None

    def _print(self, search: Search) -> None:
        session = len(search.history.sessions) - 1
        started = search.history.sessions[session].started
        history = search.history
        text = progress_text(
            history.trials, search.settings, session, started, time.time(), history.checks, search.trials_are_over
        )
        if self._terminal:
            rewrite_line(self._stream, text[: _columns(self._stream) - 1])
        else:
            self._write(f"{text}\n")
        self._printed = time.monotonic()

    def _write(self, text: str) -> None:
        """A terminal that was closed, or a full disk, costs the line and not the search."""
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


def _columns(terminal: TextIO) -> int:
    """The width of the terminal that is written to; a runner may have put a file in the place of standard output."""
    with suppress(OSError, ValueError):
        return os.get_terminal_size(terminal.fileno()).columns or shutil.get_terminal_size().columns
    return shutil.get_terminal_size().columns
