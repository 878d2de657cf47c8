"""Simulated timelines with known answers, and real searches against the clock."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nas
from nas.engine import Run, Session, TrialRecord, TrialState, read_run, run_serial
from nas.engine.check import Check, CheckRecord, Purpose
from nas.engine.ledger import PARTS, ledger, session_times
from proxies.base import Measurement
from tests.engine.engine_support import Hashed, end, record_of, start


def trial(number, worker, started, finished, session=0, **seconds) -> TrialRecord:
    measured = Measurement(ap=0.1, worker=worker, seconds=seconds)
    times = {"started": float(started), "finished": float(finished), "session": session}
    return record_of(number, TrialState.COMPLETE, 0.1, measurement=measured, **times)


def run_of(*trials: TrialRecord, sessions=None, workers=None, samples=None) -> Run:
    provenance = {} if workers is None else {"workers": workers}
    config = {} if samples is None else {"samples": samples}
    return Run(tuple(sessions or [Session(0.0, config, provenance)]), trials)


def parts(run: Run) -> dict[str, float]:
    found = ledger(run)
    assert sum(found.seconds.values()) == pytest.approx(found.worker_seconds)
    assert found.beyond == 0.0
    return {name: value for name, value in found.seconds.items() if value}


def test_one_worker():
    run = run_of(
        trial(0, "a", 10, 30, build=1.0, data=2.0, train=10.0, evaluate=5.0),
        trial(1, "a", 31, 50, build=1.0, data=2.0, train=10.0, evaluate=6.0),
    )
    assert parts(run) == {"data": 4.0, "training": 20.0, "evaluation": 11.0, "engine": 10 + 1 + 2 + 1 + 1}
    assert (ledger(run).wall_seconds, ledger(run).worker_seconds) == (50.0, 50.0)


def test_the_tail_of_a_search_is_idle():
    run = run_of(
        trial(0, "a", 5, 25, train=20.0),
        trial(1, "b", 7, 27, train=20.0),
        trial(2, "a", 26, 56, train=30.0),
    )
    assert parts(run) == {"training": 70.0, "engine": 5 + 7 + 1, "idle": 56 - 27}


def test_checks_take_time_as_trials_do():
    measured = Measurement(ap=0.1, worker="a", seconds={"train": 30.0})
    check = Check(Purpose.FINALIST, "trial 0", nas.load("spinenet-49"), seed=1, longer=2.0)
    done = CheckRecord(check, 0, 0.1, measured, None, 26.0, 57.0)
    run = Run((Session(0.0),), (trial(0, "a", 5, 25, train=20.0),), checks=(done,))
    assert parts(run) == {"training": 50.0, "engine": 5 + 1 + 1}
    assert session_times(run) == [(0.0, 57.0)]


def test_a_worker_that_got_no_trial_is_idle_once_another_has_begun():
    assert parts(run_of(trial(0, "a", 10, 30, train=20.0), workers=3)) == {
        "training": 20.0,
        "engine": 10 + 2 * 10,
        "idle": 2 * 20,
    }


def test_a_lost_trial_and_the_worker_that_takes_the_place_are_one_lane():
    lost = record_of(1, TrialState.FAILED, started=20.0, finished=35.0, error="died")
    run = run_of(trial(0, "a", 0, 20, train=20.0), lost, trial(2, "b", 40, 60, train=20.0))
    assert parts(run) == {"training": 40.0, "engine": 20.0}
    assert ledger(run).worker_seconds == 60.0


def test_a_trial_that_failed_between_others_makes_no_second_worker():
    """Its beginning is that of its first attempt, so it may lie across what others did."""
    lost = record_of(1, TrialState.FAILED, started=20.0, finished=35.0, error="died")
    run = run_of(trial(0, "a", 0, 20, train=20.0), lost, trial(2, "a", 35, 60, train=20.0))
    assert parts(run) == {"training": 40.0, "engine": 20.0}
    across = record_of(1, TrialState.FAILED, started=5.0, finished=50.0, error="died", attempts=3)
    run = run_of(trial(0, "a", 0, 20, train=20.0), across, trial(2, "a", 35, 60, train=20.0))
    assert parts(run) == {"training": 40.0, "engine": 20.0}
    assert parts(run_of(lost)) == {"engine": 35.0}


def test_a_worker_that_starts_late_has_a_lane_of_its_own_where_the_workers_are_known():
    trials = trial(0, "a", 0, 10, train=10.0), trial(1, "b", 12, 30, train=18.0)
    assert parts(run_of(*trials, workers=2)) == {"training": 28.0, "engine": 12.0, "idle": 20.0}
    assert parts(run_of(*trials, workers=1)) == {"training": 28.0, "engine": 2.0}


def test_known_architectures_take_no_worker():
    known = record_of(1, TrialState.DUPLICATE, started=20.0, finished=20.0)
    assert parts(run_of(trial(0, "a", 0, 20, train=20.0), known)) == {"training": 20.0}


def test_a_filter_is_evaluation_and_what_it_turns_down_is_no_sample():
    """The first session had one of its two samples: it was cut off, so its tail is not idle."""
    turned_down = Measurement(ap=None, worker="a", seconds={"filter": 10.0}, filter_score=0.1)
    run = run_of(
        trial(0, "a", 0, 20, filter=5.0, train=15.0),
        record_of(1, TrialState.FILTERED, started=20.0, finished=30.0, measurement=turned_down),
        trial(2, "b", 0, 10, session=1, train=10.0),
        sessions=[Session(0.0, {"samples": 2}, {"workers": 2}), Session(0.0)],
    )
    assert parts(run) == {"evaluation": 15.0, "training": 25.0, "engine": 30.0}


def test_what_is_under_way_is_not_idle():
    run = run_of(
        trial(0, "a", 0, 20, train=20.0),
        trial(1, "b", 0, 30, train=30.0),
        record_of(2, TrialState.RUNNING, started=20.0),
    )
    assert parts(run) == {"training": 50.0, "engine": 10.0}


def test_sessions_are_told_apart_and_pauses_are_left_out():
    sessions = [Session(0.0, {"samples": 9}), Session(1000.0, {"samples": 9})]
    run = run_of(
        trial(0, "a", 10, 20, train=10.0),
        trial(1, "b", 10, 25, train=15.0),
        trial(2, "c", 1010, 1040, session=1, train=30.0),
        trial(3, "d", 1010, 1020, session=1, train=10.0),
        sessions=sessions,
    )
    assert session_times(run) == [(0.0, 25.0), (1000.0, 1040.0)]
    assert parts(run) == {"training": 65.0, "engine": 20 + 5 + 20, "idle": 20.0}
    found = ledger(run)
    assert (found.wall_seconds, found.worker_seconds) == (65.0, 130.0)


def test_an_earlier_session_that_had_all_its_samples_ended_by_itself():
    sessions = [Session(0.0, {"samples": 2}), Session(100.0, {"samples": 3})]
    run = run_of(
        trial(0, "a", 0, 10, train=10.0),
        trial(1, "b", 0, 25, train=25.0),
        trial(2, "c", 100, 110, session=1, train=10.0),
        sessions=sessions,
    )
    assert parts(run) == {"training": 45.0, "idle": 15.0}


def test_a_session_begins_when_the_command_was_given():
    session = Session(10.0, {}, {"command_started": 4.0})
    assert parts(run_of(trial(0, "a", 12, 20, train=8.0), sessions=[session])) == {"training": 8.0, "engine": 8.0}


def test_what_comes_after_the_last_result_is_the_engine_s():
    """Two workers, one of which had nothing left to do for 10 s; then 15 s of counting and drawing."""
    sessions = [Session(0.0, ended=45.0)]
    run = run_of(trial(0, "a", 0, 20, train=20.0), trial(1, "b", 0, 30, train=30.0), sessions=sessions)
    assert parts(run) == {"training": 50.0, "idle": 10.0, "engine": 2 * 15.0}
    assert (session_times(run), ledger(run).wall_seconds) == ([(0.0, 45.0)], 45.0)


def test_a_session_that_was_stopped_in_its_checks_did_not_end_by_itself():
    """Its finalist is missing: what the second worker did after its last result is not idleness."""
    config = {"samples": 2, "seed": 0, "references": [], "finalists": {"count": 1, "winner_seeds": 0}}
    trials = trial(0, "a", 0, 20, train=20.0), trial(1, "b", 0, 30, train=30.0)
    assert parts(run_of(*trials, sessions=[Session(0.0, config)])) == {"training": 50.0, "engine": 10.0}
    earlier = run_of(*trials, sessions=[Session(0.0, config), Session(90.0, config)])
    assert parts(earlier) == {"training": 50.0, "engine": 10.0}
    without = {**config, "finalists": {"count": 0}}
    assert parts(run_of(*trials, sessions=[Session(0.0, without)])) == {"training": 50.0, "idle": 10.0}


def test_clocks_that_differ_are_said_and_do_not_bend_the_sum():
    found = ledger(run_of(trial(0, "a", -5, 10, train=15.0), trial(1, "a", 8, 20, train=12.0)))
    assert found.seconds["training"] == found.worker_seconds == 20.0
    assert found.beyond == pytest.approx(7.0)


def test_nothing_to_account_for():
    for run in (Run((), ()), run_of(), run_of(record_of(0, TrialState.RUNNING))):
        assert ledger(run).seconds == dict.fromkeys(PARTS, 0.0)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 9), st.integers(0, 9)), max_size=30),
    st.integers(1, 4),
)
def test_the_parts_of_any_timeline_are_its_wall_time(steps, workers):
    """Workers take trials in turn: a gap, building, reading and training for each."""
    clocks, trials = [3.0] * workers, []
    expected = dict.fromkeys(PARTS, 0.0)
    for number, (gap, build, data, train) in enumerate(steps):
        own = number % workers
        begun = clocks[own] + gap
        clocks[own] = begun + build + data + train + 0.5
        trials.append(trial(number, f"w{own}", begun, clocks[own], build=build, data=data, train=train))
        expected["data"] += data
        expected["training"] += train
    over = max(clocks) if trials else 0.0
    expected["idle"] = sum(over - clock for clock in clocks[: len(trials)])
    found = ledger(run_of(*trials, workers=min(workers, len(trials))))
    assert found.beyond == 0.0
    assert sum(found.seconds.values()) == pytest.approx(found.worker_seconds)
    for part in ("data", "training", "idle"):
        assert found.seconds[part] == pytest.approx(expected[part]), part


def test_a_real_search_in_this_process(tmp_path: Path):
    begun = time.time()
    search = start(tmp_path, samples=6)
    run_serial(search, lambda: Hashed(delay=0.1))
    wall = time.time() - begun
    end(search)
    found = ledger(read_run(tmp_path))
    assert found.worker_seconds == pytest.approx(wall, abs=0.05 * wall + 0.05)
    assert sum(found.seconds.values()) == pytest.approx(found.worker_seconds)
    assert found.seconds["training"] == pytest.approx(0.6, abs=1e-6)
    assert found.seconds["idle"] == pytest.approx(0.0, abs=1e-6)
