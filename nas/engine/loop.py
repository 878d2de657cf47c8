"""The serial runner: one trial after another in this process. It defines what running a search means."""

from __future__ import annotations

import time
from collections.abc import Callable

from nas.engine.search import Search
from nas.engine.stages import Work, stages
from proxies.base import Proxy
from search_spaces.errors import first_line

MakeProxy = Callable[[], Proxy]
"""Builds the proxy in the process that evaluates; picklable."""


def run_serial(search: Search, make_proxy: MakeProxy, make_prefilter: MakeProxy | None = None) -> None:
    """Evaluate trials and checks until the search has none left; :attr:`Search.stop_reason` then says why.

    An exception that the proxy raises costs the trial one attempt, and the proxy is built anew.

    Args:
        search: hands them out and takes in the results.
        make_proxy: called when the first trial comes, and after an exception.
        make_prefilter: builds what scores an architecture before it is trained, likewise; None for no filter.

    Raises:
        RecordError: the record cannot be written.
    """
    built: tuple[Proxy, Proxy | None] | None = None
    while (trial := search.next_trial()) is not None:
        built = built or (make_proxy(), None if make_prefilter is None else make_prefilter())
        started = time.time()
        try:
            *_, measurement = stages(Work.of(trial), *built)
        except Exception as error:
            built = None
            search.fail(trial, describe(error))
        else:
            search.finish(trial, measurement, started)


def describe(error: BaseException) -> str:
    """An exception as one line: its type and the first line of its message."""
    name, line = type(error).__name__, first_line(error, "")
    return f"{name}: {line}" if line else f"{name}."
