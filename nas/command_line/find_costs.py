"""What the architectures of a finished search cost as full-size detectors: counted, and the candidates timed.

Both are recorded, so that the report can be remade without PyTorch and on another machine.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from nas.engine.costs import Costed
from nas.engine.record import Run
from nas.engine.search import Search
from nas.engine.trial import TrialRecord, TrialState
from nas.reporting.recommendation import RecommendSettings, front, proxy_points, to_time
from nas.words import said_when_slow
from proxies.reward import count_full_size
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError, first_line

log = logging.getLogger(__name__)

MOST_SECONDS = 60.0
"""For all that is counted, and as much again for all timings: counting takes a tenth of a second an architecture."""
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
    try:
        with said_when_slow(log, "counting what the architectures cost as full-size detectors, a minute at most"):
            said = _count(search, _to_count(search.history.as_run()), settings.image_size)
        return (*said, *_time(search, settings.image_size)) if settings.measure else said
    except (ConfigError, MemoryError, RuntimeError) as error:
        return (f"what the architectures cost at {settings.image_size} px could not be found out: {first_line(error)}",)


def _has_detector(trial: TrialRecord) -> bool:
    measured = trial.measurement
    return measured is not None and measured.ap is not None and measured.multiply_adds > 0


def _to_count(run: Run) -> list[Architecture]:
    """Each architecture that a detector was trained of, once.

    The most important come first: those of checks, then the front of AP against what the proxy's detector costs, which
    goes with the full-size one, then the others by AP.
    """
    trained = proxy_points(run)
    ranked = [*reversed(front(trained)), *sorted(trained, key=lambda point: -point.ap)]
    wanted = [*(done.check.architecture for done in run.checks), *(point.architecture for point in ranked)]
    return list({one.fingerprint: one for one in wanted}.values())


def _count(search: Search, architectures: Sequence[Architecture], size: int) -> tuple[str, ...]:
    """Count those that are not counted yet, in order, until the time is up."""
    left = [one for one in architectures if (one.fingerprint, size) not in search.history.costs]
    waiting: list[Costed] = []
    done = 0
    for one in _until_time_is_up(left):
        cost = count_full_size(one, size)
        waiting.append(Costed(one.fingerprint, size, cost.params_trainable, cost.multiply_adds))
        done += 1
        if len(waiting) >= A_TRANSACTION:
            search.add_costs(waiting)
            waiting = []
    search.add_costs(waiting)
    if done == len(left):
        return ()
    counted = len(architectures) - len(left) + done
    return (
        f"the full-size detectors of {counted:,} of {len(architectures):,} architectures were counted, the front and "
        "the best first, since a minute was over; resume=true goes on with the others.",
    )


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
