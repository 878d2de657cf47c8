"""What the end of a search says, in numbers."""

from dataclasses import replace

import pytest

from nas.engine.record import Run
from nas.reporting.answer import answer, longer_words
from proxies.base import Budget
from tests.reporting.fake_runs import mixed_run
from tests.reporting.made_answers import FINALS, answered, unfinished


def test_the_winner_is_the_finalists_and_its_ap_is_that_of_the_final_checks():
    found = answer(answered())
    assert found.best.trial.number == 2
    assert (found.winner.name, found.winner.ap.as_trial, found.winner.final) == ("trial 2", 0.28, True)
    assert (found.winner.ap.longer.estimate, found.winner.ap.longer.count) == (pytest.approx(0.42), 3)
    assert found.winner.cost.multiply_adds == 60 * 10**9
    assert [one.name for one in found.finalists] == ["trial 1", "trial 2"]
    assert (found.finalists[0].ap.longer.estimate, found.finalists[0].final) == (0.35, False)
    assert found.times == 2.0


def test_references_stand_beside_it():
    found = answer(answered())
    assert [(one.name, one.ap.as_trial) for one in found.references] == [("spinenet-49", 0.25), ("r50-fpn", 0.22)]
    difference = found.difference(found.references[0])
    assert difference.estimate == pytest.approx((0.10 + 0.09 + 0.11) / 3)
    assert difference.low == pytest.approx(0.1 - 4.302653 * 0.01 / 3**0.5)


def test_a_check_that_failed_leaves_its_pair_out():
    found = answer(answered(finals={**FINALS, "spinenet-49": (0.30, None, 0.33)}))
    assert found.references[0].errors == ("the loss is not finite at step 3.",)
    assert found.difference(found.references[0]).count == 2
    found = answer(answered(finals={**FINALS, "winner": (None, None, None)}))
    assert (found.winner.ap.longer.estimate, found.winner.final) == (0.45, False), "what is left is what chose it"
    assert found.difference(found.references[0]) is None


def test_until_the_finalists_have_chosen_the_best_trial_is_the_best():
    run = answered()
    for count in (0, 1, 2, 3):
        found = answer(unfinished(run, count))
        assert (found.best.trial.number, found.winner) == (1, None)
        assert len(found.references) == min(count, 2)
    assert answer(unfinished(run, 4)).winner.name == "trial 2"


def test_checks_of_other_settings_do_not_count():
    run = answered()
    run.sessions[-1].config["finalists"]["longer"] = 3.0
    found = answer(run)
    assert found.winner is None
    assert [one.ap.longer for one in found.references] == [None, None]


@pytest.mark.parametrize("run", [Run((), ()), mixed_run()])
def test_a_run_without_checks(run):
    found = answer(run)
    assert (found.winner, found.references, found.finalists) == (None, (), ())


def test_by_a_reward_all_is_chosen_and_compared_by_it():
    found = answer(answered(by_reward=True))
    r50 = found.references[1]
    assert (found.chosen_name, found.value_name) == ("reward", "AP")
    assert (r50.ap.as_trial, r50.reward.as_trial) == (0.22, 0.11)
    assert found.chosen(r50).longer.estimate == pytest.approx(0.5 * 1.25 / 3)
    assert found.difference(r50).estimate == pytest.approx(0.42 - 0.5 * 1.25 / 3)
    assert found.difference_in_ap(r50).estimate == pytest.approx(0.42 - 1.25 / 3)


def test_what_trains_nothing_trains_no_longer():
    run = answered()
    untrained = [replace(one, measurement=replace(one.measurement, budget=Budget())) for one in run.checks]
    assert answer(replace(run, checks=tuple(untrained))).times == 1.0
    assert [longer_words(times) for times in (1.0, 1.5)] == ["other seeds", "1.5 times the training"]
