"""Costs of full-size detectors at the end of a search."""

from dataclasses import replace
from itertools import count

import pytest

from nas.command_line import find_costs as module
from nas.command_line.find_costs import find_costs
from nas.engine import run_serial
from nas.engine.record import read_run
from nas.reporting.recommendation import RecommendSettings
from proxies.base import Measurement
from tests.engine.engine_support import Hashed, Scripted, distinct, end, hashed_ap, start
from tests.reporting.made_answers import REFERENCES, TRIALS, answered

SETTINGS = RecommendSettings()


class Detecting(Hashed):
    """Says that it built a detector."""

    def evaluate(self, architecture, seed):
        return Measurement(ap=hashed_ap(architecture), multiply_adds=100)


@pytest.fixture
def search(tmp_path):
    search = start(tmp_path, Scripted(distinct(3)), samples=3)
    run_serial(search, Detecting)
    yield search
    end(search)


@pytest.fixture
def timed(monkeypatch):
    """The sizes at which detectors were run."""
    sizes = []

    def milliseconds(architecture, size):
        sizes.append(size)
        return 10.0 * len(sizes)

    monkeypatch.setattr("nas.detectors.full_size.full_size_milliseconds", milliseconds)
    return sizes


def test_all_are_counted_and_the_front_is_timed_once(search, timed, tmp_path):
    assert find_costs(search, SETTINGS) == ()
    costs = read_run(tmp_path).costs
    assert len(costs) == 3
    assert all(cost.multiply_adds > 10**6 for cost in costs)
    assert 1 <= len(timed) <= 3
    assert sum(cost.milliseconds is not None for cost in costs) == len(timed)
    assert find_costs(search, SETTINGS) == ()
    assert read_run(tmp_path).costs == costs


def test_without_measure_nothing_is_run(search, timed, tmp_path):
    assert find_costs(search, RecommendSettings(measure=False)) == ()
    assert (len(read_run(tmp_path).costs), timed) == (3, [])


def test_when_the_time_is_up_it_says_how_far_it_came(search, timed, monkeypatch):
    find_costs(search, RecommendSettings(measure=False))
    monkeypatch.setattr(module, "MOST_SECONDS", -1.0)
    monkeypatch.setattr(module, "to_time", lambda run: [trial.architecture for trial in run.trials])
    assert find_costs(search, SETTINGS) == (
        "milliseconds were measured of 0 of 3 architectures, since a minute was over.",
    )


def test_counting_is_bounded_too_and_says_so_and_goes_on_later(search, timed, monkeypatch):
    """The clock goes on by 25 s at every look at it: after one architecture, the next would be done too late."""
    clock = count(0, 25)
    with monkeypatch.context() as patch:
        patch.setattr(module.time, "monotonic", lambda: float(next(clock)))
        said = find_costs(search, RecommendSettings(measure=False))
    assert said == (
        "the full-size detectors of 1 of 3 architectures were counted, the front and the best first, since a minute "
        "was over; resume=true goes on with the others.",
    )
    best = max(search.history.trials, key=lambda trial: trial.reward)
    assert [fingerprint for fingerprint, _ in search.history.costs] == [best.fingerprint]
    assert find_costs(search, RecommendSettings(measure=False)) == ()
    assert len(search.history.costs) == 3


def test_what_matters_most_is_counted_first():
    """Checks, then the front of the proxy's costs from the best down, then the others by AP; each once."""
    run = answered()
    cheap = replace(TRIALS[0], measurement=replace(TRIALS[0].measurement, multiply_adds=10))
    wanted = module._to_count(replace(run, trials=(cheap, *TRIALS[1:])))
    names = {one.architecture.fingerprint: one.name for one in REFERENCES}
    names |= {trial.fingerprint: trial.number for trial in TRIALS}
    assert [names[one.fingerprint] for one in wanted] == ["spinenet-49", "r50-fpn", 1, 2, 0, 3]


def test_what_cannot_be_run_is_a_sentence(search, monkeypatch):
    def broken(architecture, size):
        raise RuntimeError("out of memory")

    monkeypatch.setattr("nas.detectors.full_size.full_size_milliseconds", broken)
    assert find_costs(search, SETTINGS) == (
        "what the architectures cost at 640 px could not be found out: out of memory",
    )


def test_a_proxy_without_detectors_has_no_costs(tmp_path, timed):
    search = start(tmp_path, Scripted(distinct(2)), samples=2)
    run_serial(search, Hashed)
    assert find_costs(search, SETTINGS) == ()
    assert search.history.costs == {}
    end(search)
