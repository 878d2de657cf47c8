"""Better than random, not better, or not to be told: by the interval, at equal budget."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nas.engine.baseline import Baseline
from nas.engine.record import Run, Session
from nas.engine.trial import TrialState
from nas.reporting.comparison import best_quarter, compare, comparison_sentences, uniform_samples
from tests.reporting.fake_runs import START, complete, other, stopped_early

PPO = {"controller": {"kind": "ppo", "uniform_start": True}}
RANDOM = {"controller": {"kind": "random"}}


def run_of(rewards, identity=PPO, first_update=None, seed=0):
    """A run of complete trials; the trial ``first_update`` makes the controller learn for the first time."""
    trials = [
        replace(
            complete(number, float(reward), metrics={"updates": 1.0} if number == first_update else {}),
            seed=seed + number,
        )
        for number, reward in enumerate(rewards)
    ]
    return Run((Session(START, identity=identity),), tuple(trials))


def baseline_of(rewards, **options):
    return Baseline(Path("runs/drawn"), run_of(rewards, RANDOM, **options))


def drawn(count, mean, seed=0):
    return np.random.default_rng(seed).normal(mean, 0.02, size=count)


def test_best_quarter():
    assert best_quarter(np.array([1.0, 8.0, 3.0, 4.0])) == 8.0
    assert best_quarter(np.array([1.0, 8.0, 3.0, 4.0, 6.0])) == 7.0, "two of five"


@pytest.mark.parametrize(
    ("mean", "verdict"), [(0.25, "better"), (0.15, "not better"), (0.2, "it cannot be told")], ids=["+", "-", "0"]
)
def test_the_interval_decides(mean, verdict):
    found = compare(run_of(drawn(60, mean)), baseline_of(drawn(60, 0.2, seed=1)))
    assert found.verdict == verdict
    assert found.top.low <= found.top.estimate <= found.top.high
    assert found.mean.estimate == pytest.approx(mean - 0.2, abs=0.01)


def test_the_budget_is_that_of_the_shorter_one():
    """The rest of the longer search does not count, however good it is."""
    ours, theirs = run_of([*drawn(20, 0.2), *drawn(30, 0.9)]), baseline_of(drawn(20, 0.2, seed=1))
    found = compare(ours, theirs)
    assert len(found.own) == len(found.random) == 20
    assert max(found.own) < 0.5
    assert found.verdict == "it cannot be told"
    assert found == compare(ours, theirs), "and the answer is always the same"


def test_failed_and_known_trials_are_no_samples():
    run = run_of(drawn(12, 0.2))
    trials = (other(0, TrialState.FAILED), other(1, TrialState.DUPLICATE, reward=0.9), *run.trials[2:])
    assert len(compare(replace(run, trials=trials), baseline_of(drawn(30, 0.2))).own) == 10


@pytest.mark.parametrize("identity", [PPO, RANDOM])
def test_what_was_stopped_early_leaves_the_better_part_which_is_not_compared(identity):
    run = run_of(drawn(30, 0.2), identity, first_update=12)
    run = replace(run, trials=(*run.trials, stopped_early(30, 0.1)))
    assert compare(run, baseline_of(drawn(30, 0.2))) is None
    assert compare(run) is None
    (sentence,) = comparison_sentences(run, None)
    assert sentence.startswith("Better than random? It cannot be told: trials were stopped early, so the complete ones")


def test_samples_are_paired_where_numbers_and_seeds_are_shared():
    common = drawn(20, 0.2)
    paired = compare(run_of(common + 0.001), baseline_of(common))
    assert paired.paired
    assert paired.mean.low == pytest.approx(0.001)
    apart = compare(run_of(common + 0.001), baseline_of(common, seed=100))
    assert not apart.paired
    assert not apart.mean.excludes(0.0)


def test_few_samples_say_nothing():
    found = compare(run_of(drawn(9, 0.9)), baseline_of(drawn(50, 0.1)))
    assert found.top is found.mean is None
    assert found.verdict == "it cannot be told"
    assert comparison_sentences(run_of([]), found) == [
        "Better than random? It cannot be told: there are 9 samples of each kind to compare, and fewer than 10 say "
        "nothing."
    ]


def test_the_answer_has_verdict_number_and_intervals():
    run = run_of(drawn(60, 0.25))
    found = compare(run, baseline_of(drawn(60, 0.2, seed=1), seed=9))
    answer, limits = comparison_sentences(run, found)
    top, mean = found.top, found.mean
    assert answer == (
        f"Better than random? Better: the best quarter of its first 60 samples is {top.estimate:+.4f} ({top.low:+.4f} "
        f"to {top.high:+.4f}) against the first 60 of the random search drawn; the mean of all 60 is "
        f"{mean.estimate:+.4f} ({mean.low:+.4f} to {mean.high:+.4f})."
    )
    assert limits == (
        "The intervals (95 %) come from resampling the trials, each part on its own. They speak of what was searched; "
        "another seed can give another answer."
    )


def test_without_a_random_search_the_beginning_of_the_run_stands_in():
    """Trials begun before the first update are uniform; as many of the last ones are compared with them."""
    run = run_of([*drawn(12, 0.2), *drawn(5, 0.4), *drawn(20, 0.25, seed=1)], first_update=11)
    assert [sample.trial.number for sample in uniform_samples(run)] == list(range(12))
    found = compare(run)
    assert found.random == tuple(float(reward) for reward in drawn(12, 0.2))
    assert found.own == tuple(float(reward) for reward in drawn(20, 0.25, seed=1)[-12:])
    answer, limits = comparison_sentences(run, found)
    assert answer.startswith("Better than random? Better: the best quarter of its last 12 samples is +0.0")
    assert "against its first 12, drawn before the controller had learnt anything; the mean of all 12 is" in answer
    assert "No random search with the same space, proxy and data was given or found, so this shows what" in answer
    assert answer.endswith("not that a random search of the same budget would have found less.")
    assert limits.endswith("With fewer than 48 samples of each, the intervals are somewhat too narrow.")


def test_the_first_and_the_last_samples_do_not_overlap():
    run = run_of(drawn(25, 0.2), first_update=13)
    found = compare(run)
    assert len(found.own) == 25 - 14
    assert found.random == tuple(sample.reward for sample in uniform_samples(run)[:11])


def test_a_random_search_has_nothing_to_compare():
    run = run_of(drawn(30, 0.2), RANDOM, first_update=5)
    assert compare(run) is None
    assert comparison_sentences(run, None)[0].startswith("This search is random itself")
    assert compare(run, baseline_of(drawn(30, 0.2, seed=1))).verdict == "it cannot be told", "but may be given another"


@pytest.mark.parametrize(
    ("identity", "first_update"),
    [
        (PPO, None),
        ({"controller": {"kind": "ppo", "uniform_start": False}}, 5),
        ({"controller": {"name": "ppo"}}, None),
        ({**PPO, "prefilter": {"kind": "loss", "keep": 0.3}}, 5),
        ({**RANDOM, "prefilter": {"kind": "loss", "keep": 0.3}}, 5),
    ],
)
def test_a_record_that_does_not_say_what_was_uniform(identity, first_update):
    run = run_of(drawn(30, 0.2), identity, first_update)
    assert compare(run) is None
    (sentence,) = comparison_sentences(run, None)
    assert sentence.startswith("Better than random? It cannot be told: the record does not say")
    assert "against=DIR" in sentence
