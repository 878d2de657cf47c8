"""Signals that ask the process to end, sent to processes that the test starts, and to the test itself."""

import os
import signal
import subprocess
import sys

import pytest

from nas.machine import signals
from nas.machine.signals import (
    STOPPING,
    deaf_children,
    exit_code,
    ignore_from_now_on,
    kept_handlers,
    note,
    stop_signals,
    undisturbed,
)


@pytest.fixture(autouse=True)
def none_received(heard_signals):
    yield
    signals._received.clear()


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_each_interrupts_and_has_its_exit_code(number, code):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stop_signals():
        send(number)
    assert exit_code() == code
    assert signal.getsignal(number) == before


def test_the_first_signal_decides_the_exit_code():
    def end_twice():
        try:
            send(signal.SIGTERM)
        finally:
            send(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), stop_signals():
        end_twice()
    assert exit_code() == 143
    with stop_signals():
        assert exit_code() == 130


def test_a_signal_that_was_ignored_stays_ignored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_signals(), undisturbed():
        send(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_undisturbed_work_is_done_first():
    done = []

    def work():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
            send(number)
            done.append(number)

    with pytest.raises(KeyboardInterrupt), stop_signals(), undisturbed():
        work()
    assert len(done) == 3
    assert exit_code() == 143


def test_an_exception_of_undisturbed_work_goes_on():
    def work():
        send(signal.SIGINT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), stop_signals(), undisturbed():
        work()


def test_handlers_of_a_library_are_undone():
    with stop_signals():
        ours = signal.getsignal(signal.SIGTERM)
        with kept_handlers():
            signal.signal(signal.SIGTERM, lambda number, frame: None)
        assert signal.getsignal(signal.SIGTERM) is ours


def test_a_signal_can_be_noted():
    with stop_signals():
        note(signal.SIGTERM)
        assert exit_code() == 143


def test_nothing_ends_a_process_that_is_ending():
    ignore_from_now_on()
    for number in STOPPING:
        send(number)


def test_children_do_not_get_the_hangup_and_the_parent_gets_it_later():
    def hang_up():
        with deaf_children():
            child = subprocess.Popen([sys.executable, "-c", "print('up', flush=True); input()"], stdin=-1, stdout=-1)
            assert child.stdout.readline() == b"up\n"
            child.send_signal(signal.SIGHUP)
            send(signal.SIGHUP)
            assert child.communicate(b"\n")[0] == b""
            assert child.returncode == 0

    with pytest.raises(KeyboardInterrupt), stop_signals():
        hang_up()
    assert exit_code() == 129
