"""What follows from a measurement."""

import pytest

from nas.engine.answers import Verdict, judge, told
from nas.engine.check import Check, Purpose
from nas.engine.settings import SearchSettings
from nas.engine.trial import Trial, TrialState
from proxies.base import Measurement, Score
from proxies.reward import AP_ALONE
from tests.engine.engine_support import ARCHITECTURE, DECISIONS, record_of

SETTINGS = SearchSettings(samples=1, prefilter="loss_50", keep=0.3)
TRIAL = Trial(0, DECISIONS, ARCHITECTURE, 0, threshold=0.0, among=24)
CHECK = Check(Purpose.REFERENCE, "r50-fpn", ARCHITECTURE, 0)
COMPLETE, FAILED, FILTERED = TrialState.COMPLETE, TrialState.FAILED, TrialState.FILTERED


@pytest.mark.parametrize(
    ("measurement", "verdict"),
    [
        (Measurement(0.25), Verdict(COMPLETE, 0.25)),
        (Measurement(0.25, filter_score=-3.2), Verdict(COMPLETE, 0.25)),
        (Measurement(None, score=Score("synflow", 12.5), filter_score=-3.2), Verdict(COMPLETE, 12.5)),
        (Measurement(None, error="no."), Verdict(FAILED, error="no.")),
        (Measurement(None, error="no.", filter_score=-3.2), Verdict(FAILED, error="no.")),
        (Measurement(None), Verdict(FAILED, error="the proxy reported no AP and no score.")),
        (Measurement(float("nan")), Verdict(FAILED, error="the reward is nan; it must be a finite number.")),
    ],
)
def test_a_measurement_of_a_trial_or_a_check(measurement, verdict):
    assert judge(TRIAL, measurement, AP_ALONE, SETTINGS) == verdict
    assert judge(CHECK, measurement, AP_ALONE, SETTINGS) == verdict


def test_a_measurement_of_the_filter_alone():
    assert judge(TRIAL, Measurement(None, filter_score=-3.2), AP_ALONE, SETTINGS) == Verdict(
        FILTERED, None, "prefilter loss_50: -3.200 is not among the best 30 % of 24."
    )
    assert judge(CHECK, Measurement(None, filter_score=-3.2), AP_ALONE, SETTINGS).state is FAILED


@pytest.mark.parametrize("state", TrialState)
def test_a_reward_of_lower_fidelity_is_not_told(state):
    given = 0.5 if state in (COMPLETE, TrialState.STOPPED, TrialState.DUPLICATE) else None
    assert told(record_of(0, state, given)) == (None if state is TrialState.STOPPED else given)
