"""What the architectures of a finished search cost as full-size detectors: counted, and the candidates timed.

Both are recorded, so that the report can be remade without PyTorch and on another machine.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from nas.engine.costs import Costed
from nas.engine.search import Search
from nas.engine.trial import TrialRecord, TrialState
from nas.reporting.recommendation import RecommendSettings, to_time
from nas.words import said_when_slow
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError, first_line

log = logging.getLogger(__name__)

MOST_SECONDS = 60.0
"""For all timings together."""
A_TRANSACTION = 64


def find_costs(search: Search, settings: RecommendSettings) -> tuple[str, ...]:
    """Record what is missing; sentences about what could not be found out.

    Nothing is done where the proxy measured no AP of a detector: costs have nothing to stand against.

    Raises:
        RecordError: the record cannot be written.
    """
    trained = [trial for trial in search.history.trials if trial.state is TrialState.COMPLETE and _has_detector(trial)]
    if not trained:
        return ()
    architectures = [trial.architecture for trial in trained if trial.architecture is not None]
    architectures += [done.check.architecture for done in search.history.checks]
    try:
        with said_when_slow(log, "counting what the architectures cost as full-size detectors"):
            _count(search, architectures, settings.image_size)
        return _time(search, settings.image_size) if settings.measure else ()
    except (ConfigError, MemoryError, RuntimeError) as error:
        return (f"what the architectures cost at {settings.image_size} px could not be found out: {first_line(error)}",)


def _has_detector(trial: TrialRecord) -> bool:
    measured = trial.measurement
    return measured is not None and measured.ap is not None and measured.multiply_adds > 0


def _count(search: Search, architectures: Iterable[Architecture], size: int) -> None:
    from nas.detectors.full_size import full_size_cost  # imports PyTorch

    waiting: list[Costed] = []
    known = set(search.history.costs)
    for one in architectures:
        if (one.fingerprint, size) not in known:
            known.add((one.fingerprint, size))
            cost = full_size_cost(one, size)
            waiting.append(Costed(one.fingerprint, size, cost.params_trainable, cost.multiply_adds))
        if len(waiting) >= A_TRANSACTION:
            search.add_costs(waiting)
            waiting = []
    search.add_costs(waiting)


def _time(search: Search, size: int) -> tuple[str, ...]:
    """Time the candidates, the most important first, until the time is up."""
    from nas.engine.provenance import machine_name

    device = machine_name()
    wanted = [
        one
        for one in to_time(search.history.as_run())
        if (cost := search.history.costs.get((one.fingerprint, size))) and cost.device != device
    ]
    if not wanted:
        return ()
    log.info("measuring how long the best and the references take as full-size detectors, a minute at most")
    done = 0
    for one in _until_time_is_up(wanted):
        _time_one(search, one, size, device)
        done += 1
    if done == len(wanted):
        return ()
    return (f"milliseconds were measured of {done} of {len(wanted)} architectures, since a minute was over.",)


def _until_time_is_up(wanted: Iterable[Architecture]) -> Iterator[Architecture]:
    """Architectures for as long as the next one, taken to need as long as the last, is done in time."""
    started = before = time.monotonic()
    for one in wanted:
        now = time.monotonic()
        if now - started + (now - before) > MOST_SECONDS:
            return
        before = now
        yield one


def _time_one(search: Search, architecture: Architecture, size: int, device: str) -> None:
    from nas.detectors.full_size import full_size_milliseconds

    cost = search.history.costs[architecture.fingerprint, size]
    milliseconds = full_size_milliseconds(architecture, size)
    search.add_costs([replace(cost, milliseconds=milliseconds, device=device)])
