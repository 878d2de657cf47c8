"""How busy the workers were."""

import pytest

from nas.engine import Run, TrialRecord, TrialState, busy_share
from proxies.base import Measurement
from tests.engine.engine_support import record_of


def trial(number, worker, started, finished, train, evaluate=0.0, session=0, build=0.0) -> TrialRecord:
    seconds = {"build": build, "train": train, "evaluate": evaluate}
    measured = Measurement(ap=0.1, worker=worker, seconds=seconds)
    times = {"started": started, "finished": finished, "session": session}
    return record_of(number, TrialState.COMPLETE, 0.1, measurement=measured, **times)


def test_wall_time_runs_from_the_first_result_to_the_last():
    trials = (
        trial(0, "a", 0.0, 100.0, train=1.0),  # warm-up: not counted
        trial(1, "a", 101.0, 110.0, train=6.0, evaluate=2.0, build=1.0),
        trial(2, "a", 112.0, 120.0, train=8.0),
    )
    assert busy_share(Run((), trials)) == pytest.approx(16.0 / 20.0)


def test_workers_and_sessions_are_told_apart():
    trials = (
        trial(0, "a", 0.0, 10.0, train=10.0),
        trial(1, "b", 0.0, 12.0, train=10.0),
        trial(2, "a", 10.0, 20.0, train=9.0),
        trial(3, "b", 12.0, 22.0, train=8.0),
        trial(4, "a", 1000.0, 1010.0, train=10.0, session=1),
        trial(5, "a", 1010.0, 1020.0, train=10.0, session=1),
    )
    assert busy_share(Run((), trials)) == pytest.approx(27.0 / 30.0)


def test_a_trial_without_a_measurement_is_time_lost():
    lost = record_of(1, TrialState.FAILED, started=10.0, finished=20.0, error="died")
    trials = (trial(0, "a", 0.0, 10.0, 10.0), lost, trial(2, "a", 20.0, 30.0, 10.0))
    assert busy_share(Run((), trials)) == pytest.approx(0.5)


def test_a_worker_that_filters_is_busy():
    filtered = Measurement(ap=None, worker="a", seconds={"filter": 4.0}, filter_score=0.5)
    times = {"started": 10.0, "finished": 18.0}
    turned_down = record_of(1, TrialState.FILTERED, measurement=filtered, **times)
    assert busy_share(Run((), (trial(0, "a", 0.0, 10.0, 10.0), turned_down))) == pytest.approx(0.5)


def test_unknown_before_a_second_result():
    assert busy_share(Run((), ())) is None
    assert busy_share(Run((), (trial(0, "a", 0.0, 10.0, train=10.0),))) is None
