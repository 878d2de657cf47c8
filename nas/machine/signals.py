"""The signals that ask this process to end: Ctrl-C, a batch scheduler's SIGTERM, a closed terminal's SIGHUP.

All three arrive as :class:`KeyboardInterrupt`, so whatever ends well after Ctrl-C ends well after each of them; which
one came first decides the exit code. A signal that the process was started deaf to (``nohup``) stays ignored.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_received: list[int] = []  # in order of arrival; signals belong to the process, so their list does too


@contextmanager
def stop_signals() -> Iterator[None]:
    """In the block, each signal of ``STOPPING`` raises :class:`KeyboardInterrupt` in the main thread."""
    _received.clear()
    with _handlers(_interrupt):
        yield


@contextmanager
def undisturbed() -> Iterator[None]:
    """The block runs to its end: a signal of ``STOPPING`` waits, and raises :class:`KeyboardInterrupt` after it.

    When the block ends because of an exception, that one goes on instead. Handlers that a library puts in place within
    the block are undone.
    """
    waiting: list[int] = []

    def wait(number: int, frame: FrameType | None) -> None:
        _received.append(number)
        waiting.append(number)

    with _handlers(wait):
        yield
    if waiting:
        raise KeyboardInterrupt


@contextmanager
def kept_handlers() -> Iterator[None]:
    """After the block the handlers of ``STOPPING`` are what they were before, whatever a library made of them."""
    with _handlers(None):
        yield


@contextmanager
def deaf_children() -> Iterator[None]:
    """Processes that are started in the block never get a SIGHUP, which a closing terminal sends to a whole group.

    One that this process gets meanwhile arrives after the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def note(number: int) -> None:
    """Remember a signal that reached the process in another way than through a handler of this module."""
    _received.append(number)


def exit_code() -> int:
    """128 and the number of the signal that came first: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
    return 128 + (_received[0] if _received else signal.SIGINT)


def ignore_from_now_on() -> None:
    """The process is ending; a further Ctrl-C changes nothing."""
    for number in STOPPING if _in_main_thread() else ():
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(number)
    raise KeyboardInterrupt


@contextmanager
def _handlers(handler: Any) -> Iterator[None]:
    """Put a handler in place for all that is not ignored (None: for nothing), and what was there back at the end."""
    before = {number: signal.getsignal(number) for number in STOPPING} if _in_main_thread() else {}
    heeded = [number for number, earlier in before.items() if earlier is not signal.SIG_IGN]
    try:
        for number in heeded if handler is not None else ():
            signal.signal(number, handler)
        yield
    finally:
        for number, earlier in before.items():
            if earlier is not None:  # None: it was not put in place by Python
                signal.signal(number, earlier)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
