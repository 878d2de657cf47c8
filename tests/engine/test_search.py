"""The state of a search: deduplication, failures, resume by replay."""

import sqlite3

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import controllers
from nas.engine import RECORD_NAME, Search, SearchSettings, TrialState, read_run, run_serial
from nas.engine.stages import Work, stages
from nas.engine.trial import trial_seed
from proxies.base import Budget, Measurement
from proxies.reward import Reward
from search_spaces.errors import ArchitectureError, RecordError
from tests.engine.engine_support import (
    SPACE,
    Drifting,
    Hashed,
    Scripted,
    decisions_of,
    distinct,
    end,
    hashed_ap,
    open_store,
    scored,
    start,
    states_of,
)

RUNNING, COMPLETE, FAILED = TrialState.RUNNING, TrialState.COMPLETE, TrialState.FAILED
DUPLICATE, INFEASIBLE = TrialState.DUPLICATE, TrialState.INFEASIBLE
STOPPED, FILTERED = TrialState.STOPPED, TrialState.FILTERED
FIRST, SECOND, THIRD, FOURTH = distinct(4)


def good(trial) -> Measurement:
    return Measurement(ap=hashed_ap(trial.architecture))


def test_a_known_architecture_is_answered_from_the_record(tmp_path):
    controller = Scripted([FIRST, FIRST, SECOND, FIRST, THIRD])
    search = start(tmp_path, controller, samples=3)
    run_serial(search, Hashed)
    trials = search.history.trials
    assert states_of(trials) == [COMPLETE, DUPLICATE, COMPLETE, DUPLICATE, COMPLETE]
    assert controller.told == {trial.number: trial.reward for trial in trials}
    assert trials[1].reward == trials[3].reward == trials[0].reward
    assert trials[1].attempts == 0
    assert trials[1].measurement is None
    assert search.stop_reason == "all 3 samples were evaluated."
    assert tuple(trials) == read_run(tmp_path).trials


def test_a_failed_architecture_is_known_too(tmp_path):
    controller = Scripted([FIRST, FIRST, SECOND])
    search = start(tmp_path, controller, samples=2, failed_reward=-1.0)
    run_serial(search, lambda: Hashed(broken=(trial_seed(0, 0),)))
    assert states_of(search.history.trials) == [FAILED, DUPLICATE, COMPLETE]
    assert controller.told[0] == controller.told[1] == -1.0


def test_equal_architectures_of_other_decisions_are_duplicates(tmp_path):
    first, other = two_names_of_one_architecture()
    search = start(tmp_path, Scripted([first, other, THIRD]), samples=2)
    run_serial(search, Hashed)
    assert states_of(search.history.trials) == [COMPLETE, DUPLICATE, COMPLETE]


def two_names_of_one_architecture():
    rng = np.random.default_rng(0)
    seen = {}
    while True:
        decisions = SPACE.sample_decisions(rng)
        other = seen.setdefault(SPACE.decode(decisions).fingerprint, decisions)
        if other != decisions:
            return other, decisions


def test_a_duplicate_of_a_running_trial_waits_for_it(tmp_path):
    controller = Scripted([FIRST, FIRST, SECOND])
    search = start(tmp_path, controller, samples=2)
    first, second = search.next_trial(), search.next_trial()
    assert (first.number, second.number) == (0, 2)
    assert states_of(search.history.trials) == [RUNNING, RUNNING, RUNNING]
    search.finish(second, good(second))
    assert controller.told == {2: hashed_ap(second.architecture)}
    search.finish(first, good(first))
    assert states_of(search.history.trials) == [COMPLETE, DUPLICATE, COMPLETE]
    assert controller.told[1] == controller.told[0] == hashed_ap(first.architecture)


def test_a_waiting_duplicate_is_answered_after_a_resume(tmp_path):
    search = start(tmp_path, Scripted([FIRST, FIRST, SECOND]), samples=2)
    first, _ = search.next_trial(), search.next_trial()
    end(search)
    controller = Scripted([FIRST, FIRST, SECOND])
    search = start(tmp_path, controller, samples=2)
    assert search.next_trial() == first
    search.finish(first, good(first))
    assert controller.told.keys() == {0, 1}
    end(search)


def test_a_duplicate_whose_answer_was_torn_off_is_answered_on_opening(tmp_path):
    search = start(tmp_path, Scripted([FIRST, FIRST, SECOND]), samples=2)
    first = search.next_trial()
    search.finish(first, good(first))
    search.next_trial()
    end(search)
    with sqlite3.connect(tmp_path / RECORD_NAME) as connection:
        connection.execute("DELETE FROM events WHERE number > 4")  # up to the second proposal, without its answer
    connection.close()
    controller = Scripted([FIRST, FIRST, SECOND])
    search = start(tmp_path, controller, samples=2)
    assert states_of(search.history.trials) == [COMPLETE, DUPLICATE]
    assert controller.told.keys() == {0, 1}
    assert search.next_trial().number == 2


def test_results_may_come_in_any_order(tmp_path):
    search = start(tmp_path, Drifting(), samples=6)
    trials = [search.next_trial() for _ in range(4)]
    for trial in (trials[2], trials[0], trials[3]):
        search.finish(trial, good(trial))
    log = list(search._controller.log)
    end(search)
    controller = Drifting()
    search = start(tmp_path, controller, samples=6)
    assert controller.log == log
    assert search.next_trial() == trials[1]


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_replay_restores_any_interleaving(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("run")
    search = start(folder, samples=8, retries=1)
    running = []
    for _ in range(data.draw(st.integers(0, 20))):
        action = data.draw(st.sampled_from(["ask", "ask", "finish", "fail", "restart"]))
        if action == "ask" and len(running) < 3 and (trial := search.next_trial()):
            running.append(trial)
        elif action in ("finish", "fail") and running:
            trial = running.pop(data.draw(st.integers(0, len(running) - 1)))
            search.finish(trial, good(trial)) if action == "finish" else search.fail(trial, "gone")
        elif action == "restart":
            trials, log = list(search.history.trials), list(search._controller.log)
            end(search)
            search = start(folder, samples=8, retries=1)
            assert search.history.trials == trials
            assert search._controller.log == log
            running = []
    run_serial_with(search, running)
    assert search.stop_reason == "all 8 samples were evaluated."
    assert tuple(search.history.trials) == read_run(folder).trials
    end(search)


def run_serial_with(search, running) -> None:
    for trial in running:
        search.finish(trial, good(trial))
    run_serial(search, Hashed)


def test_another_controller_is_noticed_on_resume(tmp_path):
    search = start(tmp_path, Drifting(seed=0), samples=3)
    run_serial(search, Hashed)
    end(search)
    with pytest.raises(
        RecordError, match=r"proposes another trial 0: .* the controller, its settings or the code differ"
    ):
        start(tmp_path, Drifting(seed=1))
    with pytest.raises(RecordError, match="nothing to propose"):
        start(tmp_path, Scripted([]))


def test_an_exhausted_space_ends_the_search(tmp_path):
    search = start(tmp_path, Scripted([FIRST, SECOND]), samples=10)
    run_serial(search, Hashed)
    assert search.stop_reason == "the controller has nothing new to propose: the script is at its end."


def test_too_many_duplicates_end_the_search(tmp_path):
    search = start(tmp_path, Scripted([FIRST] + [FIRST] * 50), samples=10, max_duplicates=20)
    run_serial(search, Hashed)
    assert len(search.history.trials) == 21
    assert "max_duplicates is 20" in search.stop_reason
    end(search)
    search = start(tmp_path, Scripted([FIRST] * 51), samples=10, max_duplicates=20)
    assert search.next_trial() is None
    assert "max_duplicates is 20" in search.stop_reason


def test_duplicates_of_running_trials_do_not_end_the_search(tmp_path):
    """They may mean no more than that the controller has not been told yet."""
    search = start(tmp_path, Scripted([FIRST] + [FIRST] * 20 + [SECOND]), samples=2, max_duplicates=20)
    first = search.next_trial()
    assert search.next_trial() is None
    assert search.stop_reason is None
    search.finish(first, good(first))
    assert search.next_trial().number == 21


def test_a_failure_is_recorded_and_told(tmp_path):
    controller = Scripted([FIRST, SECOND, THIRD, FOURTH])
    search = start(tmp_path, controller, samples=4, failed_reward=-0.5)
    answers = [
        Measurement(ap=None, error="the loss is not finite."),
        Measurement(ap=None),
        Measurement(ap=float("nan")),
        Measurement(ap=0.25),
    ]
    for answer in answers:
        search.finish(search.next_trial(), answer)
    trials = read_run(tmp_path).trials
    assert states_of(trials) == [FAILED, FAILED, FAILED, COMPLETE]
    assert [trial.error for trial in trials] == [
        "the loss is not finite.",
        "the proxy reported no AP and no score.",
        "the reward is nan; it must be a finite number.",
        None,
    ]
    assert controller.told == {0: -0.5, 1: -0.5, 2: -0.5, 3: 0.25}


def test_a_lost_worker_is_retried_and_then_failed(tmp_path):
    search = start(tmp_path, Scripted([FIRST, SECOND]), samples=2, retries=2)
    for attempt in (1, 2, 3):
        trial = search.next_trial()
        assert (trial.number, trial.attempt) == (0, attempt)
        assert states_of(read_run(tmp_path).trials) == [RUNNING]
        search.fail(trial, "the worker died.")
    failed = read_run(tmp_path).trials[0]
    assert (failed.state, failed.error, failed.attempts, failed.reward) == (FAILED, "the worker died.", 3, None)
    assert search.next_trial().number == 1


def test_the_reward_function_decides_what_is_told(tmp_path):
    class Doubled(Reward):
        def __call__(self, measurement, architecture):
            return 2 * measurement.ap

    controller = Scripted([FIRST])
    search = Search(controller, open_store(tmp_path), SearchSettings(samples=1), reward=Doubled())
    search.finish(search.next_trial(), Measurement(ap=0.25))
    assert controller.told == {0: 0.5}
    assert read_run(tmp_path).trials[0].measurement.ap == 0.25


def test_decisions_that_give_no_architecture_are_infeasible(tmp_path, monkeypatch):
    decode = type(SPACE).decode

    def picky(space, decisions):
        if tuple(decisions) == SECOND:
            raise ArchitectureError("block 3 has no parent.")
        return decode(space, decisions)

    monkeypatch.setattr(type(SPACE), "decode", picky)
    controller = Scripted([FIRST, SECOND, THIRD])
    search = start(tmp_path, controller, samples=2)
    run_serial(search, Hashed)
    trials = read_run(tmp_path).trials
    assert states_of(trials) == [COMPLETE, INFEASIBLE, COMPLETE]
    assert (trials[1].error, trials[1].architecture, trials[1].reward) == ("block 3 has no parent.", None, None)
    assert controller.told[1] is None
    end(search)
    assert states_of(start(tmp_path, Scripted([FIRST, SECOND, THIRD])).history.trials) == states_of(trials)


def test_more_samples_on_resume_go_on(tmp_path):
    whole = start(tmp_path / "whole", samples=9)
    run_serial(whole, Hashed)
    run = tmp_path / "run"
    for samples in (4, 9):
        search = start(run, samples=samples)
        run_serial(search, Hashed)
        end(search)
    assert decisions_of(read_run(run).trials) == decisions_of(whole.history.trials)
    assert [trial.session for trial in read_run(run).trials] == [0] * 4 + [1] * 5


class Counting(Drifting):
    """Reports how many rewards it was told, failures left out."""

    def __init__(self) -> None:
        super().__init__()
        self.rewards = 0

    def metrics(self):
        return {"rewards": float(self.rewards)} if self.rewards else {}

    def _learn(self, proposal, memory, reward):
        super()._learn(proposal, memory, reward)
        self.rewards += reward is not None


def test_the_metrics_of_the_controller_are_recorded_where_they_change(tmp_path):
    search = start(tmp_path, Counting(), samples=3)
    for answer in (Measurement(ap=0.5), Measurement(ap=None), Measurement(ap=0.25)):
        search.finish(search.next_trial(), answer)
    expected = [{"rewards": 1.0}, {}, {"rewards": 2.0}]
    assert [trial.controller_metrics for trial in search.history.trials] == expected
    assert read_run(tmp_path).trials == tuple(search.history.trials)


def test_a_resumed_search_records_the_metrics_that_an_uninterrupted_one_records(tmp_path):
    whole = start(tmp_path / "whole", Counting(), samples=6)
    run_serial(whole, Hashed)
    for samples in (2, 4, 6):
        search = start(tmp_path / "run", Counting(), samples=samples)
        run_serial(search, Hashed)
        end(search)
    there, here = whole.history.trials, read_run(tmp_path / "run").trials
    assert [trial.controller_metrics for trial in here] == [trial.controller_metrics for trial in there]
    assert here[-1].controller_metrics == {"rewards": 6.0}


def test_the_end_of_a_session_is_recorded_and_the_search_can_go_on(tmp_path):
    for samples in (2, 3):
        search = start(tmp_path, samples=samples)
        assert not search.trials_are_over
        run_serial(search, Hashed)
        assert search.trials_are_over
        search.end()
        end(search)
        assert search.history.as_run() == read_run(tmp_path)
    first, second = read_run(tmp_path).sessions
    last = max(trial.finished for trial in search.history.trials if trial.session == 0)
    assert last <= first.ended <= second.started <= second.ended
    end(start(tmp_path, samples=4))
    assert read_run(tmp_path).sessions[2].ended is None


def test_a_trial_is_answered_once(tmp_path):
    search = start(tmp_path, Scripted([FIRST, SECOND]), samples=2)
    trial = search.next_trial()
    search.finish(trial, good(trial))
    with pytest.raises(RecordError, match=r"^trial 0 was answered before; every trial must be answered once\.$"):
        search.finish(trial, good(trial))


def stopped_early(trial) -> Measurement:
    return Measurement(ap=0.9, budget=Budget(steps=3), rungs={3: 0.9})


def test_a_stopped_trial_is_a_sample_of_which_the_controller_learns_nothing(tmp_path):
    controller = Scripted([FIRST, SECOND, FIRST, THIRD])
    search = start(tmp_path, controller, samples=3, failed_reward=-1.0)
    search.stop(search.next_trial(), stopped_early(FIRST), "others were better.", 5.0)
    run_serial(search, Hashed)
    trials = read_run(tmp_path).trials
    assert states_of(trials) == [STOPPED, COMPLETE, DUPLICATE, COMPLETE]
    assert (trials[0].reward, trials[0].error, trials[0].started) == (0.9, "others were better.", 5.0)
    assert trials[0].measurement == stopped_early(FIRST)
    assert (trials[2].reward, trials[2].error) == (None, "others were better.")
    assert controller.told == {0: None, 1: trials[1].reward, 2: None, 3: trials[3].reward}
    assert search.stop_reason == "all 3 samples were evaluated."


def test_a_trial_that_failed_where_it_was_stopped_is_a_failure(tmp_path):
    search = start(tmp_path, Scripted([FIRST]), samples=1)
    search.stop(search.next_trial(), Measurement(None, error="no memory."), "others were better.")
    assert (search.history.trials[0].state, search.history.trials[0].error) == (FAILED, "no memory.")


@pytest.mark.parametrize("kind", ["ppo", "reinforce"])
def test_a_controller_is_the_same_with_stopped_trials_and_without_their_rewards(tmp_path, kind):
    """No state of it, the baseline included, depends on what a stopped trial had; nor does a replay."""
    states = []
    for folder, ap in (("low", 0.1), ("high", 0.9)):
        search = start(tmp_path / folder, controllers.build(kind, SPACE, seed=0, batch_size=2), samples=12)
        while (trial := search.next_trial()) is not None:
            if trial.number % 3 == 1:
                search.stop(trial, Measurement(ap=ap, budget=Budget(steps=3)), "others were better.")
            else:
                search.finish(trial, good(trial))
        end(search)
        replayed = start(tmp_path / folder, controllers.build(kind, SPACE, seed=0, batch_size=2), samples=12)
        states += [search._controller.state_dict(), replayed._controller.state_dict()]
        end(replayed)
    assert states[0]["learnt"]["updates"] > 0
    assert all(repr(other) == repr(states[0]) for other in states[1:])


def filtered_search(folder, controller=None, samples=4, **settings):
    return start(folder, controller or Drifting(), samples=samples, prefilter="cheap", keep=0.5, **settings)


def test_filtered_architectures_are_no_samples(tmp_path):
    controller = Scripted(distinct(8))
    search = filtered_search(tmp_path, controller, failed_reward=-1.0)
    run_serial(search, Hashed, lambda: scored(1.0, 3.0, 2.0, 0.0, 4.0, 2.5))
    trials = read_run(tmp_path).trials
    assert states_of(trials) == [COMPLETE, COMPLETE, FILTERED, FILTERED, COMPLETE, COMPLETE]
    assert [trial.measurement.filter_score for trial in trials] == [1.0, 3.0, 2.0, 0.0, 4.0, 2.5]
    assert trials[2].error == "prefilter cheap: 2.000 is not among the best 50 % of 3."
    assert controller.told == {trial.number: trial.reward for trial in trials}
    assert controller.told[2] is controller.told[3] is None
    assert search.stop_reason == "all 4 samples were evaluated."


def test_a_duplicate_of_a_filtered_architecture_gets_its_answer(tmp_path):
    controller = Scripted([FIRST, SECOND, THIRD, THIRD])
    search = filtered_search(tmp_path, controller)
    run_serial(search, Hashed, lambda: scored(1.0, 3.0, 2.0, 0.0))
    trials = search.history.trials
    assert states_of(trials) == [COMPLETE, COMPLETE, FILTERED, DUPLICATE]
    assert trials[3].error == trials[2].error
    assert controller.told[3] is None


def test_a_filter_that_turns_everything_down_ends_the_search(tmp_path):
    search = filtered_search(tmp_path, max_duplicates=3)
    run_serial(search, Hashed, lambda: scored(*range(0, -9, -1)))
    assert states_of(search.history.trials) == [COMPLETE, COMPLETE, FILTERED, FILTERED, FILTERED]
    assert search.stop_reason == "the prefilter turned down the last 3 architectures (max_duplicates is 3)."


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_filtered_search_that_is_cut_off_goes_on_with_the_scores_of_its_record(tmp_path, cut):
    scores = tuple(np.random.default_rng(1).normal(size=40).tolist())
    whole = filtered_search(tmp_path / "whole", samples=6)
    run_serial(whole, Hashed, lambda: scored(*scores))
    search = filtered_search(tmp_path / "cut", samples=6)
    for _ in range(cut):
        trial = search.next_trial()
        *_, measurement = stages(Work.of(trial), Hashed(), scored(*scores))
        search.finish(trial, measurement)
    search.next_trial()
    end(search)
    search = filtered_search(tmp_path / "cut", samples=6)
    run_serial(search, Hashed, lambda: scored(*scores))
    keys = [
        [(trial.decisions, trial.state, trial.reward, trial.error) for trial in read_run(tmp_path / name).trials]
        for name in ("whole", "cut")
    ]
    assert keys[0] == keys[1]
    assert FILTERED in states_of(search.history.trials)
