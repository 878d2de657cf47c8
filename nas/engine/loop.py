"""The serial runner: one trial after another in this process. It defines what running a search means."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from nas.engine.search import Search
from proxies.base import Measurement, Proxy
from search_spaces.architecture import Architecture
from search_spaces.errors import first_line

MakeProxy = Callable[[], Proxy]
"""Builds the proxy in the process that evaluates; picklable."""


def run_serial(search: Search, make_proxy: MakeProxy) -> None:
    """Evaluate trials and checks until the search has none left; :attr:`Search.stop_reason` then says why.

    An exception that the proxy raises costs the trial one attempt, and the proxy is built anew.

    Args:
        search: hands them out and takes in the results.
        make_proxy: called when the first trial comes, and after an exception.

    Raises:
        RecordError: the record cannot be written.
    """
    proxy: Proxy | None = None
    while (trial := search.next_trial()) is not None:
        proxy = proxy or make_proxy()
        started = time.time()
        try:
            measurement = measure(proxy, trial.architecture, trial.seed, trial.longer)
        except Exception as error:
            proxy = None
            search.fail(trial, describe(error))
        else:
            search.finish(trial, measurement, started)


def measure(proxy: Proxy, architecture: Architecture, seed: int, longer: float = 1.0) -> Measurement:
    """The measurement of the proxy, with this process as its worker (``host:process id``).

    Args:
        longer: how many times as long as the proxy's the training is. Such a proxy shares all that is costly to open.
    """
    measurement = proxy.longer(longer).evaluate(architecture, seed)
    return replace(measurement, worker=f"{socket.gethostname()}:{os.getpid()}")


def describe(error: BaseException) -> str:
    """An exception as one line: its type and the first line of its message."""
    name, line = type(error).__name__, first_line(error, "")
    return f"{name}: {line}" if line else f"{name}."
