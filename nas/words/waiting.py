"""What people are told while they wait: what is being made ready, how fast, and how long it will still take."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nas.words.terminal import printable
from nas.words.times import duration

SECONDS_BEFORE_A_LINE = 2.0
SECONDS_BETWEEN_LINES = 5.0


class _Lines(logging.Handler):
    """Log records as lines on standard error, whatever that is when the record comes."""

    def emit(self, record: logging.LogRecord) -> None:
        print(printable(self.format(record)), file=sys.stderr, flush=True)


@contextmanager
def log_lines() -> Iterator[None]:
    """Within the block, what this project logs of its work, and all warnings, are lines on standard error."""
    root, project = logging.getLogger(), logging.getLogger("nas")
    handler, level = _Lines(), project.level
    root.addHandler(handler)
    project.setLevel(logging.INFO)
    try:
        yield
    finally:
        project.setLevel(level)
        root.removeHandler(handler)


@contextmanager
def said_when_slow(log: logging.Logger, what: str) -> Iterator[None]:
    """Log what is being done in the block, for example ``"loading PyTorch"``, unless it is over in two seconds."""
    timer = threading.Timer(SECONDS_BEFORE_A_LINE, log.info, [what])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Countdown:
    """Logs how far a long preparation is: ``"decoding images: 1,024 of 118,287, 350 a second, 6 min left"``.

    There is a line after two seconds, and from then on one every few seconds; none where it is over before.
    """

    def __init__(self, log: logging.Logger, what: str, total: int) -> None:
        """``what`` is being done to ``total`` things; the time counts from now."""
        self._log, self._what, self._total = log, what, total
        self._started = time.monotonic()
        self._next = self._started + SECONDS_BEFORE_A_LINE

    def done(self, count: int) -> None:
        """Say so, if it is time, that ``count`` of the things are done."""
        now = time.monotonic()
        if now < self._next or not 0 < count < self._total:
            return
        self._next = now + SECONDS_BETWEEN_LINES
        rate = count / (now - self._started)
        self._log.info(
            "%s: %s of %s, %s a second, %s left",
            self._what,
            f"{count:,}",
            f"{self._total:,}",
            f"{rate:,.{0 if rate >= 10 else 1}f}",
            duration((self._total - count) / rate),
        )
