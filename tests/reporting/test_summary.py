"""The numbers of a run."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.engine.record import Run, Session
from nas.engine.trial import TrialState
from nas.reporting.summary import (
    best_sample,
    failure_reasons,
    metric_series,
    running_mean,
    samples,
    stopped,
    summarise,
    wall_seconds,
    window_size,
)
from proxies.base import Budget
from tests.reporting.fake_runs import (
    START,
    complete,
    filtered_out,
    learning_run,
    mixed_run,
    other,
    run_of,
    stopped_early,
)
from tests.reporting.made_answers import answered, unfinished


def test_a_mixed_run():
    summary = summarise(mixed_run())
    assert {state.value: count for state, count in summary.counts.items()} == {
        "running": 1,
        "complete": 3,
        "failed": 1,
        "infeasible": 0,
        "duplicate": 1,
        "stopped": 0,
        "filtered": 0,
    }
    assert summary.best.trial.number == 1
    assert summary.best.reward == 0.3
    assert summary.mean_reward == pytest.approx(0.2)
    assert summary.evaluated == 4
    assert summary.wall_seconds == 250.0
    assert summary.trials_per_hour == pytest.approx(4 * 3600 / 250)
    assert summary.seconds_by_phase == {"build": 3.0, "train": 120.0, "evaluate": 12.0}
    assert summary.failures == (("the loss is not finite at step 12", 1),)
    assert summary.state == "under way"
    assert summary.busy_share == pytest.approx(88 / 200)


def test_what_was_stopped_or_filtered_is_in_no_mean_and_never_best():
    run = run_of(
        complete(0, 0.1), stopped_early(1, 0.9), filtered_out(2, -3.2), complete(3, 0.3), config={"samples": 3}
    )
    summary = summarise(run)
    assert (summary.counts[TrialState.STOPPED], summary.counts[TrialState.FILTERED]) == (1, 1)
    assert (summary.evaluated, summary.state) == (3, "finished")
    assert (summary.best.trial.number, summary.mean_reward) == (3, pytest.approx(0.2))
    assert stopped(run) == [(1, 0.9)]
    assert summary.failures == ()
    assert summary.seconds_by_phase["filter"] == 2.0


def test_an_empty_run():
    for run in (Run((), ()), run_of()):
        summary = summarise(run)
        assert summary.state == "empty"
        assert summary.best is summary.mean_reward is summary.trials_per_hour is summary.busy_share is None
        assert summary.wall_seconds == 0.0
        assert summary.failures == ()


def test_the_state_follows_from_what_is_wanted():
    assert summarise(run_of(complete(0, 0.1), config={"samples": 1})).state == "finished"
    assert summarise(run_of(complete(0, 0.1), config={"samples": 2})).state == "not finished"
    assert summarise(run_of(complete(0, 0.1), other(1, TrialState.RUNNING), config={"samples": 2})).state == "under way"
    assert summarise(run_of(other(0, TrialState.FAILED), config={"samples": 1})).state == "finished"


def test_a_search_that_was_stopped_in_its_checks_is_not_finished():
    run = answered()
    assert (summarise(run).state, summarise(run).checks_left) == ("finished", 0)
    for checks in range(len(run.checks)):
        found = summarise(unfinished(run, checks))
        assert (found.state, found.checks_left > 0) == ("not finished", True), checks
    assert summarise(unfinished(run, len(run.checks) - 2)).checks_left == 2


def test_a_check_counts_as_much_as_its_training_is_longer():
    """4 trials, 2 references, and 2 + 9 checks of twice the training, in 300 s; where nothing is trained, one each."""
    run = answered()
    assert summarise(run).trials_per_hour == pytest.approx(3600 / 300 * (4 + 2 + 2 * 11))
    untrained = [replace(one, measurement=replace(one.measurement, budget=Budget())) for one in run.checks]
    assert summarise(replace(run, checks=tuple(untrained))).trials_per_hour == pytest.approx(3600 / 300 * (4 + 2 + 11))


def test_the_wall_time_goes_to_the_end_of_a_session():
    run = run_of(complete(0, 0.1))
    assert (wall_seconds(run), wall_seconds(run.ending(START + 70.0))) == (50.0, 70.0)


def test_a_pause_between_sessions_is_no_wall_time():
    sessions = (Session(START), Session(START + 10_000.0))
    trials = (complete(0, 0.1), complete(201, 0.2, session=1))
    assert wall_seconds(Run(sessions, trials)) == 50.0 + 100.0


def test_metrics_are_told_over_the_trials_answered_so_far():
    assert metric_series(learning_run(5)) == {
        "updates": [(2, 1.0), (4, 2.0)],
        "entropy": [(2, 0.5), (4, 0.25)],
    }
    assert metric_series(mixed_run()) == {}


def test_metrics_come_in_the_order_of_the_answers():
    late = complete(0, 0.1, metrics={"entropy": 0.5})
    early = complete(1, 0.1, metrics={"entropy": 0.75})
    run = run_of(replace(late, finished=early.finished + 1.0), early, other(2, TrialState.RUNNING))
    assert metric_series(run) == {"entropy": [(1, 0.75), (2, 0.5)]}


def test_the_earliest_of_equal_rewards_is_best_and_negative_rewards_count():
    assert best_sample(samples(run_of(complete(0, -0.2), complete(1, -0.1), complete(2, -0.1)))).trial.number == 1


def test_reasons_that_differ_in_numbers_are_one_and_only_the_first_line_counts():
    errors = ["loss is nan at step 3", "out of memory\ntraceback", "loss is nan at step 77", None]
    trials = [other(number, TrialState.FAILED, error) for number, error in enumerate(errors)]
    assert failure_reasons(trials) == (
        ("loss is nan at step 3", 2),
        ("out of memory", 1),
        ("no reason was recorded", 1),
    )


@given(st.lists(st.floats(-1, 1), max_size=60), st.integers(1, 20))
def test_running_mean_is_the_mean_of_the_window(values, window):
    means = running_mean(values, window)
    for at, mean in enumerate(means):
        part = values[max(0, at - window + 1) : at + 1]
        assert mean == pytest.approx(sum(part) / len(part), abs=1e-9)
    assert len(means) == len(values)


def test_the_window_grows_with_the_run():
    assert [window_size(count) for count in (0, 24, 400, 14_000)] == [5, 5, 50, 200]
