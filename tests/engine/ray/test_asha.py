"""Tune's ASHA over steps, with rungs from the record; without Ray running."""

from types import SimpleNamespace

import pytest

from nas.engine.ray.asha import AshaSettings, scheduler
from nas.engine.trial import TrialState
from proxies.base import Measurement
from proxies.reward import Reward, RewardSettings
from search_spaces.errors import ConfigError
from tests.engine.engine_support import record_of

STOP, CONTINUE = "STOP", "CONTINUE"


@pytest.mark.parametrize(
    ("settings", "steps", "rungs"),
    [
        ({}, 500, (100, 300)),
        ({}, 1000, (200, 600)),
        ({"asha_first": 0.05, "asha_keep": 2}, 400, (20, 40, 80, 160, 320)),
        ({"asha_first": 0.5, "asha_keep": 2}, 500, (250,)),
        ({"asha_first": 0.001}, 10, (1, 3, 9)),
        ({}, 1, ()),
        ({}, 0, ()),
        ({"asha": False}, 500, ()),
    ],
)
def test_rungs_are_shares_of_the_steps(settings, steps, rungs):
    assert AshaSettings(**{"asha": True, **settings}).rungs(steps) == rungs


@pytest.mark.parametrize(("name", "value"), [("asha", 1), ("asha_first", 0), ("asha_first", 1), ("asha_keep", 1)])
def test_settings_out_of_range(name, value):
    with pytest.raises(ConfigError, match=f"^{name} is {value}; it must be "):
        AshaSettings(**{name: value})


def ask(asha, name, steps, ap):
    """What ASHA says to a trial that reports."""
    trial = SimpleNamespace(trial_id=name)
    if name not in asha._trial_info:
        asha.on_trial_add(None, trial)
    return asha.on_trial_result(None, trial, {"steps": steps, "value": ap})


def test_a_trial_goes_on_when_it_is_among_the_best_at_its_rung():
    asha = scheduler((100, 300), 500, 3, [])
    assert [ask(asha, str(number), 100, 0.1 * number) for number in range(4)] == [CONTINUE] * 4, "each the best so far"
    assert ask(asha, "low", 100, 0.15) == STOP
    assert ask(asha, "3", 300, 0.4) == CONTINUE
    assert ask(asha, "2", 300, 0.3) == STOP


def test_the_rungs_are_those_of_the_record_whatever_became_of_the_trials():
    reached = {
        TrialState.COMPLETE: {100: 0.3, 300: 0.5},
        TrialState.STOPPED: {100: 0.1},
        TrialState.FAILED: {100: 0.2},
    }
    trials = [
        record_of(
            number, state, 0.5 if state is not TrialState.FAILED else None, measurement=Measurement(0.5, rungs=aps)
        )
        for number, (state, aps) in enumerate(reached.items())
    ]
    trials += [
        record_of(3, TrialState.RUNNING),
        record_of(4, TrialState.DUPLICATE),
        record_of(5, TrialState.COMPLETE, 0.9),
    ]
    asha = scheduler((100, 300), 500, 3, trials)
    rungs = {int(step): sorted(known.values()) for step, known in asha._brackets[0]._rungs}
    assert rungs == {100: [0.1, 0.2, 0.3], 300: [0.5]}
    assert ask(asha, "new", 100, 0.15) == STOP
    assert ask(asha, "newer", 100, 0.35) == CONTINUE


def test_measurements_at_other_steps_are_left_out():
    """The settings of ASHA may change between sessions."""
    trials = [record_of(0, TrialState.COMPLETE, 0.5, measurement=Measurement(0.5, rungs={50: 0.1, 150: 0.3}))]
    asha = scheduler((100, 300), 500, 3, trials)
    assert all(not known for _, known in asha._brackets[0]._rungs)


def test_trials_of_the_record_are_ranked_by_their_rewards():
    """Where a cost counts, AP alone is no measure; what has a reward need not be counted again."""
    reward = Reward(
        RewardSettings(cost="params", target=1e6, exponent=-1.0), lambda _: SimpleNamespace(params_trainable=2e6)
    )
    known = record_of(0, TrialState.COMPLETE, 0.2, measurement=Measurement(0.8, rungs={100: 0.4}))
    failed = record_of(1, TrialState.FAILED, measurement=Measurement(None, rungs={100: 0.6}, error="it died."))
    asha = scheduler((100, 300), 500, 3, [known, failed], reward)
    rungs = {int(step): list(found.values()) for step, found in asha._brackets[0]._rungs}
    assert rungs[100] == [pytest.approx(0.4 * 0.2 / 0.8), pytest.approx(0.6 / 2)]
