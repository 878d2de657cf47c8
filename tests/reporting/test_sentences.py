"""Sentences about a run."""

from dataclasses import replace

import pytest

import controllers
import search_spaces
from nas.engine.costs import Costed
from nas.engine.trial import TrialState
from nas.reporting.answer import answer
from nas.reporting.sentences import (
    METRICS,
    comparisons,
    cost_text,
    estimate_text,
    limits,
    metrics_sentences,
    state_sentence,
    what_is_not_a_sample,
)
from nas.reporting.summary import summarise
from nas.statistics import mean_interval
from proxies.base import Measurement
from tests.reporting.fake_runs import complete, filtered_out, mixed_run, other, run_of, scored, stopped_early
from tests.reporting.made_answers import FINALS, answered, unfinished


def said(*trials, **options) -> str:
    return state_sentence(summarise(run_of(*trials, **options)))


def test_how_far_the_search_is():
    assert said() == "No trial has been recorded yet."
    assert said(complete(0, 0.1), config={"samples": 1}) == "The search is finished: 1 of 1 architecture evaluated."
    assert said(complete(0, 0.1), config={}) == (
        "The search is not finished: 1 architecture evaluated; resume=true goes on with it."
    )
    assert state_sentence(summarise(mixed_run())) == (
        "The search is under way: 4 of 24 architectures evaluated, 1 trial running (or cut off, if the search was "
        "stopped)."
    )


def test_what_cannot_be_concluded_from_few_samples():
    assert limits(summarise(run_of(other(0, TrialState.RUNNING)))) == [
        "There is no complete trial yet, so there is nothing to conclude."
    ]
    assert limits(summarise(run_of(complete(0, 0.1))))[0] == "One sample has nothing to be compared with."
    few = limits(summarise(mixed_run()))
    assert few[0].startswith("The best of 3 samples is the largest of that many noisy measurements")
    assert few[1].startswith("The paper's search took about 14,000 samples; 3 show that the loop works")


def test_what_is_no_sample_is_said():
    assert what_is_not_a_sample(summarise(run_of(complete(0, 0.1)))) == ""
    trials = complete(0, 0.1), stopped_early(1, 0.9), filtered_out(2, 0.5), filtered_out(3, 0.5)
    said = what_is_not_a_sample(summarise(run_of(*trials, other(4, TrialState.DUPLICATE))))
    assert said.startswith("1 trial stopped early, at a step where others were better: the reward is of lower fidelity")
    assert "2 architectures filtered out before training" in said
    assert said.endswith("1 proposal met a known architecture; nothing new was measured, so no dot is drawn.")


def test_many_samples_need_no_excuse():
    assert len(limits(summarise(run_of(*(complete(number, 0.1) for number in range(1000)))))) == 2


def test_what_the_reward_comes_from():
    trained = limits(summarise(mixed_run()))[-1]
    assert "450 steps of 4 images at 128 px; AP on 256 images" in trained
    untrained = replace(complete(0, 0.1), measurement=Measurement(ap=0.1))
    assert limits(summarise(run_of(untrained)))[-1] == (
        "The reward does not come from training a detector, so it says nothing about detection."
    )


def test_what_a_score_is_of():
    assert limits(summarise(run_of(scored(0))))[-1] == (
        "The reward is the score synflow of untrained detectors, and no AP; how far it ranks architectures as training "
        "does must be measured before its order is trusted."
    )
    trained = limits(summarise(run_of(scored(0, "negative loss", steps=50))))[-1]
    assert "the score negative loss of small detectors after 50 steps of 4 images at 128 px, and no AP" in trained


def test_metrics_are_explained_and_strangers_are_not():
    shown = "What the controller reported whenever it had learnt something."
    assert metrics_sentences(["entropy", "stranger"]) == f"{shown} entropy: {METRICS['entropy']}."
    assert metrics_sentences(["stranger"]) == shown


def test_every_metric_of_every_shipped_controller_is_explained():
    space = search_spaces.build("toy")
    for name in controllers.CONTROLLERS:
        controller = controllers.build(name, space)
        for _ in range(20):
            controller.tell(controller.ask(), 0.5)
        assert controller.metrics().keys() <= METRICS.keys()


@pytest.mark.parametrize(
    ("aps", "sentence"),
    [
        (
            (0.30, 0.33, 0.33),
            "The winner beats spinenet-49 by more than the interval: 0.100 AP more (",
        ),
        ((0.40, 0.44, 0.43), "Whether the winner beats spinenet-49 is not shown: 0.003 AP less (95 % interval -0.0"),
        (
            (0.50, 0.53, 0.53),
            "spinenet-49 beats the winner by more than the interval: 0.100 AP less (",
        ),
        (
            (0.30, None, None),
            "One seed does not show whether the winner beats spinenet-49: 0.100 AP more, and",
        ),
        ((None, None, None), "The winner cannot be compared with spinenet-49: no seed was measured with both."),
    ],
)
def test_the_winner_and_a_reference(aps, sentence):
    found = answer(answered(finals={**FINALS, "spinenet-49": aps}))
    assert comparisons(found)[0].startswith(sentence)


def test_by_a_reward_the_reward_is_compared_with_ap_beside_it():
    said = comparisons(answer(answered(by_reward=True)))
    assert said[1].startswith(
        "The winner beats r50-fpn by more than the interval: 0.212 reward more (95 % interval +0.1"
    )
    assert said[1].endswith(", 3 seeds). Beside that it has 0.003 AP more.")


def test_a_search_that_was_stopped_in_its_checks_is_told():
    assert state_sentence(summarise(unfinished(answered(), 11))) == (
        "The search is not finished: 4 of 4 architectures evaluated, 2 checks left; if it was stopped, resume=true "
        "goes on."
    )


def test_without_a_winner_nothing_is_compared():
    assert comparisons(answer(mixed_run())) == []


def test_estimates_and_costs():
    assert estimate_text(None) == "\u2013"
    assert estimate_text(mean_interval([0.25])) == "0.250 (1 seed)"
    assert estimate_text(mean_interval([0.1, 0.2, 0.3])) == "0.200 (-0.048 to 0.448, 3 seeds)"
    assert cost_text(None) == ""
    assert cost_text(Costed("f", 640, 28_000_000, 10**9)) == "1 B multiply-adds, 28 M parameters"


def test_the_luck_of_the_maximum_is_gone_where_further_seeds_have_measured_the_winner():
    assert "which have chosen nothing" in limits(summarise(mixed_run()), chosen=True)[0]
