"""People who wait are told what for; what is quick says nothing."""

import logging
import sys
import time

import pytest

from nas.words import Countdown, log_lines, said_when_slow
from nas.words import waiting as module

log = logging.getLogger("nas.test")


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "nas")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def test_what_is_slow_is_said_once(lines, monkeypatch):
    monkeypatch.setattr(module, "SECONDS_BEFORE_A_LINE", 0.01)
    with said_when_slow(log, "loading PyTorch"):
        deadline = time.monotonic() + 10
        while not lines() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)
    assert lines() == ["loading PyTorch"]


def test_what_is_quick_or_fails_at_once_is_not_said(lines):
    with said_when_slow(log, "loading PyTorch"):
        pass
    with pytest.raises(ValueError, match="bad"), said_when_slow(log, "reading"):
        raise ValueError("bad")
    assert lines() == []


def test_a_countdown_has_rate_and_time_left(lines, clock):
    countdown = Countdown(log, "decoding images", 118_287)
    countdown.done(256)
    assert lines() == [], "not yet"
    clock(2)
    countdown.done(1_024)
    countdown.done(1_280)
    assert lines() == ["decoding images: 1,024 of 118,287, 512 a second, 4 min left"]
    clock(4.9)
    countdown.done(2_048)
    clock(0.1)
    countdown.done(3_500)
    assert lines()[1:] == ["decoding images: 3,500 of 118,287, 500 a second, 4 min left"]


def test_a_slow_rate_has_a_decimal_and_the_end_needs_no_line(lines, clock):
    countdown = Countdown(log, "decoding images", 10)
    clock(4)
    countdown.done(10)
    countdown.done(0)
    assert lines() == []
    countdown.done(2)
    assert lines() == ["decoding images: 2 of 10, 0.5 a second, 16 s left"]


def test_the_project_s_lines_and_all_warnings_are_printed(capsys):
    with log_lines():
        logging.getLogger("nas.datasets").info("reading %s", "a")
        logging.getLogger("nas.datasets").debug("hidden")
        logging.getLogger("other").info("hidden")
        logging.getLogger("other").warning("mind \x1b[2J")
    logging.getLogger("nas.datasets").info("after the block")
    assert capsys.readouterr() == ("", "reading a\nmind \ufffd[2J\n")


def test_lines_go_to_standard_error_as_it_is_then(capsys, monkeypatch):
    with log_lines():
        before = sys.stderr
        monkeypatch.setattr(sys, "stderr", sys.stdout)
        log.info("moved")
        monkeypatch.setattr(sys, "stderr", before)
    assert capsys.readouterr().out == "moved\n"
