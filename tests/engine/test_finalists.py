"""Which checks are wanted, and who wins."""

import pytest

import search_spaces
from nas.engine.check import CheckRecord, Purpose, Reference
from nas.engine.finalists import (
    choose_winner,
    final_checks,
    finalist_checks,
    finalist_count,
    finalists,
    planned,
    reference_checks,
    training_left,
    wanted_checks,
)
from nas.engine.settings import FinalistSettings, SearchSettings
from nas.engine.trial import TrialState
from proxies.base import Measurement
from tests.engine.engine_support import SPACE, distinct, record_of

REFERENCES = tuple(Reference(name, search_spaces.load(name)) for name in ("spinenet-49", "r50-fpn"))
ARCHITECTURES = [SPACE.decode(decisions) for decisions in distinct(6)]


def settings(samples=6, references=REFERENCES, **finalists):
    return SearchSettings(samples=samples, references=references, finalists=FinalistSettings(**finalists))


def trial(number, reward, state=TrialState.COMPLETE):
    one = ARCHITECTURES[number]
    return record_of(number, state, reward, architecture=one, fingerprint=one.fingerprint)


def done(check, ap, reward=None):
    return CheckRecord(check, 0, ap if reward is None else reward, Measurement(ap=ap), None, 1.0, 2.0)


def failed(check):
    return CheckRecord(check, 0, None, None, "it died.", 1.0, 2.0)


TRIALS = [trial(0, 0.1), trial(1, 0.4), trial(2, 0.3), trial(3, None, TrialState.FAILED), trial(4, 0.4)]


@pytest.mark.parametrize(("samples", "count"), [(1, 1), (2, 2), (16, 3), (21, 3), (22, 4), (200, 29)])
def test_a_seventh_of_the_samples_and_at_least_three_are_finalists(samples, count):
    assert finalist_count(settings(samples)) == count
    assert finalist_count(settings(samples, count=1)) == 1


def test_the_best_complete_trials_are_finalists():
    assert [one.number for one in finalists(settings(), TRIALS)] == [1, 4, 2]
    assert [one.number for one in finalists(settings(count=6), TRIALS)] == [1, 4, 2, 0]
    assert finalists(settings(count=0), TRIALS) == []


def test_references_are_measured_as_trials_are():
    checks = reference_checks(settings())
    assert [(check.name, check.longer) for check in checks] == [("spinenet-49", 1.0), ("r50-fpn", 1.0)]
    assert len({check.seed for check in checks}) == 1


def test_finalists_and_finals_are_paired_by_their_seeds():
    chosen = finalists(settings(seeds=2), TRIALS)
    checks = finalist_checks(settings(seeds=2, longer=3), chosen)
    assert [check.name for check in checks] == ["trial 1", "trial 4", "trial 2"] * 2
    assert [len({check.seed for check in checks[at : at + 3]}) for at in (0, 3)] == [1, 1]
    finals = final_checks(settings(winner_seeds=2), TRIALS[1])
    assert [check.name for check in finals] == ["spinenet-49", "r50-fpn", "trial 1"] * 2
    assert not {check.seed for check in finals} & {check.seed for check in checks}
    assert {check.longer for check in checks} == {3}


def test_without_finalists_there_are_no_finals():
    assert final_checks(settings(count=0), TRIALS[1]) == []


def test_the_best_mean_wins():
    chosen = settings(seeds=2)
    checks = finalist_checks(chosen, finalists(chosen, TRIALS))
    rewards = {"trial 1": [0.5, 0.1], "trial 4": [0.4, 0.3], "trial 2": [0.2, 0.3]}
    records = [done(check, rewards[check.name].pop(0)) for check in checks]
    assert choose_winner(chosen, TRIALS, records).number == 4
    assert choose_winner(chosen, TRIALS, records[:-1]) is None, "one is missing"
    later = settings(seeds=2, longer=3)
    assert choose_winner(later, TRIALS, records) is None, "of another length"


def test_the_reward_decides_and_not_the_ap():
    checks = finalist_checks(settings(), finalists(settings(), TRIALS))
    records = [done(check, ap, reward) for check, ap, reward in zip(checks, (0.5, 0.4, 0.3), (0.1, 0.3, 0.2))]
    assert choose_winner(settings(), TRIALS, records).number == 4


def test_of_equal_finalists_the_better_trial_wins():
    checks = finalist_checks(settings(), finalists(settings(), TRIALS))
    assert choose_winner(settings(), TRIALS, [done(check, 0.5) for check in checks]).number == 1


def test_a_finalist_without_a_result_cannot_win():
    checks = finalist_checks(settings(), finalists(settings(), TRIALS))
    records = [failed(checks[0]), done(checks[1], 0.1), done(checks[2], 0.2)]
    assert choose_winner(settings(), TRIALS, records).number == 2
    assert choose_winner(settings(), TRIALS, [failed(check) for check in checks]) is None


def test_what_is_left_is_counted_in_trials():
    chosen = settings(samples=6, count=2, longer=2, winner_seeds=3)
    assert planned(chosen) == {Purpose.REFERENCE: 2, Purpose.FINALIST: 2, Purpose.FINAL: 9}
    assert training_left(chosen) == 6 + 2 + 2 * (2 + 9)
    records = [done(check, 0.1) for check in [*reference_checks(chosen), *final_checks(chosen, None)]]
    assert training_left(chosen, TRIALS[:4], records) == 2 + 2 * (2 + 3)
    six = [trial(number, 0.1) for number in range(6)]
    assert training_left(settings(count=0, references=()), six) == 0


def test_no_more_finalists_are_planned_than_there_can_be():
    """Of 6 samples 4 failed, so 2 can be complete; when nothing more comes, one is, and without any there is no end."""
    chosen = settings(samples=6, count=4, winner_seeds=3)
    failed = [trial(number, None, TrialState.FAILED) for number in range(4)]
    assert planned(chosen, failed) == {Purpose.REFERENCE: 2, Purpose.FINALIST: 2, Purpose.FINAL: 9}
    some = [*failed, trial(4, 0.1)]
    assert planned(chosen, some)[Purpose.FINALIST] == 2
    assert planned(chosen, some, over=True)[Purpose.FINALIST] == 1
    assert planned(chosen, failed, over=True) == {Purpose.REFERENCE: 2, Purpose.FINALIST: 0, Purpose.FINAL: 0}
    assert training_left(chosen, some, over=True) == 2 + 1.5 * (1 + 9)


def test_what_is_wanted_at_the_end():
    chosen = settings(winner_seeds=1)
    checks = wanted_checks(chosen, TRIALS, [])
    assert [check.purpose.value for check in checks] == ["reference"] * 2 + ["finalist"] * 3 + ["final"] * 2
    made = [done(check, 0.3 if check.name == "trial 4" else 0.1) for check in checks]
    assert wanted_checks(chosen, TRIALS, made)[-1].name == "trial 4"
    assert len(wanted_checks(chosen, TRIALS[3:4], [])) == 2, "without a finalist the references alone"
