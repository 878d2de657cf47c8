"""The filter before training: which scores pass, as a fold over the record."""

import numpy as np
import pytest

from nas.engine.events import Finished
from nas.engine.prefilter import Prefilter
from nas.engine.trial import Trial, TrialState
from proxies.base import Measurement
from tests.engine.engine_support import ARCHITECTURE, DECISIONS

COMPLETE, STOPPED, FAILED = TrialState.COMPLETE, TrialState.STOPPED, TrialState.FAILED
FILTERED, DUPLICATE = TrialState.FILTERED, TrialState.DUPLICATE
TRIAL = Trial(0, DECISIONS, ARCHITECTURE, 0)


def answer(score, state=COMPLETE) -> Finished:
    measurement = None if state is DUPLICATE else Measurement(ap=0.5, filter_score=score)
    return Finished(0, state, None, measurement, None, 0.0, 1.0, attempts=int(state is not DUPLICATE))


def after(*scores, keep=0.3, state=COMPLETE) -> Prefilter:
    prefilter = Prefilter(keep)
    for score in scores:
        prefilter.take(answer(score, state))
    return prefilter


def is_trained(prefilter, score) -> bool:
    threshold = prefilter.hand_out(TRIAL).threshold
    return threshold is None or score >= threshold


def test_without_a_filter_every_trial_stays_as_it_is():
    assert Prefilter(None).hand_out(TRIAL) is TRIAL


@pytest.mark.parametrize(("keep", "first"), [(0.3, 4), (0.5, 2), (0.05, 20), (1.0, 1)])
def test_the_first_are_trained_in_any_case(keep, first):
    for known in range(first):
        assert after(*range(known), keep=keep).hand_out(TRIAL).threshold is None
    if keep < 1:
        assert not is_trained(after(*range(first), keep=keep), -1.0)


def test_a_score_must_be_among_the_best_share():
    prefilter = after(*map(float, range(9)))
    trial = prefilter.hand_out(TRIAL)
    assert (trial.threshold, trial.among) == (6.0, 10), "the three best of ten are 8, 7 and a score of 6 or more"
    assert [is_trained(prefilter, score) for score in (5.9, 6.0, 9.0)] == [False, True, True]


@pytest.mark.parametrize("keep", [0.07, 0.29, 0.3, 0.5, 0.7, 0.999, 1.0])
def test_the_rule_is_the_rank_of_the_score_among_all(keep):
    rng = np.random.default_rng(0)
    for known in range(60):
        scores = rng.integers(0, 40, known).tolist()
        score = int(rng.integers(0, 40))
        rank = 1 + sum(other > score for other in scores)
        wanted = known < 1 / keep or rank / (known + 1) <= keep
        assert is_trained(after(*scores, keep=keep), score) is wanted


def test_the_order_of_the_scores_does_not_matter():
    assert after(3.0, 1.0, 2.0, 0.0, 5.0).hand_out(TRIAL) == after(5.0, 3.0, 2.0, 1.0, 0.0).hand_out(TRIAL)


def test_scores_count_whatever_became_of_the_trial():
    for state in (COMPLETE, STOPPED, FAILED, FILTERED):
        assert after(*range(9), state=state).hand_out(TRIAL).threshold == 6.0


def test_what_has_no_score_does_not_count():
    prefilter = after(1.0, None, 2.0)
    prefilter.take(answer(None, DUPLICATE))
    assert prefilter.hand_out(TRIAL).among == 3


def test_the_search_is_over_after_too_many_in_a_row():
    prefilter = after(0.0, 0.0, 0.0, state=FILTERED)
    assert prefilter.stop_reason(4) is None
    assert prefilter.stop_reason(3) == "the prefilter turned down the last 3 architectures (max_duplicates is 3)."
    prefilter.take(answer(None, DUPLICATE))
    assert prefilter.in_a_row == 3
    prefilter.take(answer(1.0))
    assert (prefilter.in_a_row, prefilter.turned_down) == (0, 3)
