"""The line that says how a search is going."""

import fcntl
import io
import os
import shutil
import struct
import termios

from nas.engine import ProgressLine, SearchSettings, TrialState, progress_text, run_serial
from nas.engine.check import Check, CheckRecord, Purpose
from nas.engine.progress import _columns
from nas.engine.settings import FinalistSettings
from proxies.base import Budget, Measurement, Score
from tests.engine.engine_support import ARCHITECTURE, Hashed, Scripted, distinct, record_of, start


def test_the_line():
    trials = [
        record_of(0, TrialState.COMPLETE, 0.1),
        record_of(1, TrialState.COMPLETE, 0.3),
        record_of(2, TrialState.DUPLICATE, None),
        record_of(3, TrialState.FAILED),
        record_of(4, TrialState.RUNNING),
    ]
    assert progress_text(trials, SearchSettings(samples=12), session=0, session_started=100.0, now=400.0) == (
        "3/12 | best AP 0.3000 | mean of last 2 0.2000 | 36.0 trials/h | 15 min left | 1 known before | 1 failed"
    )


def test_a_score_is_called_by_its_name():
    scores = [record_of(n, TrialState.COMPLETE, 0.0, measurement=scored("params", 1e6 + n)) for n in range(3)]
    assert "3/3 | best params 1,000,002 | mean of last 3 1,000,001 | " in progress_text(
        scores, SearchSettings(samples=3), 0, 0.0, 1.0
    )


def scored(name: str, value: float) -> Measurement:
    return Measurement(ap=None, score=Score(name, value))


def test_what_was_stopped_counts_and_is_never_the_best_and_what_was_filtered_does_not_count():
    trials = [
        record_of(0, TrialState.COMPLETE, 0.1),
        record_of(1, TrialState.STOPPED, 0.9),
        record_of(2, TrialState.FILTERED),
        record_of(3, TrialState.STOPPED, 0.8),
    ]
    assert progress_text(trials, SearchSettings(samples=12), 0, 100.0, 400.0) == (
        "3/12 | best AP 0.1000 | mean of last 1 0.1000 | 36.0 trials/h | 15 min left | 2 stopped early | 1 filtered out"
    )


def test_only_the_last_results_are_averaged():
    trials = [record_of(number, TrialState.COMPLETE, 0.0 if number < 5 else 0.5) for number in range(15)]
    assert "mean of last 10 0.5000" in progress_text(trials, SearchSettings(samples=20), 0, 0.0, 1.0)


def test_the_rate_counts_this_session_only():
    trials = [record_of(number, TrialState.COMPLETE, 0.1, session=int(number >= 8)) for number in range(10)]
    text = progress_text(trials, SearchSettings(samples=20), session=1, session_started=1000.0, now=1100.0)
    assert "10/20" in text
    assert "72.0 trials/h | 8 min left" in text


def test_before_the_first_result():
    assert progress_text([record_of(0, TrialState.RUNNING)], SearchSettings(samples=5), 0, 0.0, 50.0) == "0/5"


def test_at_the_end_no_time_is_left():
    assert "left" not in progress_text(
        [record_of(0, TrialState.COMPLETE, 0.1)], SearchSettings(samples=1), 0, 0.0, 50.0
    )


def test_checks_are_counted_and_included_in_the_time_left():
    settings = SearchSettings(samples=4, finalists=FinalistSettings(count=1, longer=2.0, winner_seeds=2))
    trials = [record_of(number, TrialState.COMPLETE, 0.1) for number in range(4)]
    trained = Measurement(0.2, budget=Budget(steps=9))
    done = CheckRecord(Check(Purpose.FINALIST, "trial 0", ARCHITECTURE, 1, 2.0), 0, 0.2, trained, None, 1, 2)
    assert progress_text(trials, settings, 0, 0.0, 360.0, [done]) == (
        "4/4 | checks 1/3 | best AP 0.1000 | mean of last 4 0.1000 | 60.0 trials/h | 4 min left"
    )


def test_checks_that_cannot_come_are_not_waited_for():
    settings = SearchSettings(samples=9, finalists=FinalistSettings(count=3, winner_seeds=1))
    trials = [record_of(0, TrialState.COMPLETE, 0.1), record_of(1, TrialState.FAILED)]
    assert progress_text(trials, settings, 0, 0.0, 360.0).startswith("2/9 | checks 0/4 | ")
    assert progress_text(trials, settings, 0, 0.0, 360.0, over=True).startswith("2/9 | checks 0/2 | ")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run_with(tmp_path, line: ProgressLine) -> None:
    search = start(tmp_path, Scripted(distinct(3)), samples=3)
    search._on_change = line
    run_serial(search, Hashed)
    line.close()


def test_a_terminal_line_is_rewritten(tmp_path, monkeypatch):
    monkeypatch.setattr("nas.engine.progress.TERMINAL_SECONDS", 0.0)
    stream = Terminal()
    run_with(tmp_path, ProgressLine(stream))
    assert stream.getvalue().count("\r") >= 6
    assert stream.getvalue().count("\n") == 1
    assert "3/3 | best AP" in stream.getvalue()


def test_a_file_gets_few_plain_lines(tmp_path):
    stream = io.StringIO()
    run_with(tmp_path, ProgressLine(stream))
    assert len(stream.getvalue().splitlines()) == 1
    assert stream.getvalue().startswith("3/3 | best AP")
    assert "\r" not in stream.getvalue()


def test_a_line_is_as_wide_as_the_terminal_that_it_is_written_to():
    ours, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
    with os.fdopen(ours, "rb"), os.fdopen(terminal, "w") as stream:
        assert _columns(stream) == 50
    assert _columns(io.StringIO()) == shutil.get_terminal_size().columns
