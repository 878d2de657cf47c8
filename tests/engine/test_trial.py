"""A record of a trial checks itself; seeds of trials."""

from dataclasses import replace

import numpy as np
import pytest

from nas.engine.trial import TrialState, trial_seed
from proxies.base import Measurement
from search_spaces.errors import RecordError
from search_spaces.settings import as_yaml
from tests.engine.engine_support import ARCHITECTURE, record_of

RUNNING, COMPLETE, FAILED = TrialState.RUNNING, TrialState.COMPLETE, TrialState.FAILED
DUPLICATE, INFEASIBLE = TrialState.DUPLICATE, TrialState.INFEASIBLE
STOPPED, FILTERED = TrialState.STOPPED, TrialState.FILTERED


@pytest.mark.parametrize(
    ("state", "ap"),
    [
        (RUNNING, None),
        (COMPLETE, 0.5),
        (FAILED, None),
        (INFEASIBLE, None),
        (DUPLICATE, 0.5),
        (STOPPED, 0.5),
        (FILTERED, None),
    ],
)
def test_every_state_has_a_record_that_stands(state, ap):
    assert record_of(3, state, ap).state is state


def test_what_a_search_writes_on_the_side_stands_too():
    record_of(0, FAILED, -1.0, measurement=Measurement(ap=None, error="the loss is not finite."))
    record_of(0, INFEASIBLE, -1.0)
    record_of(0, INFEASIBLE, architecture=ARCHITECTURE, fingerprint="1")  # one that costs too much
    record_of(0, DUPLICATE, None, error="the loss is not finite.")
    record_of(0, RUNNING, architecture=None, fingerprint="", error="block 3 has no parent.")
    record_of(0, COMPLETE, 0.5, started=None, attempts=3, controller_metrics={"entropy": 0.5})


@pytest.mark.parametrize(
    ("state", "changed", "sentence"),
    [
        (COMPLETE, {"reward": None}, "is complete, so 'reward' must be given; it is missing."),
        (COMPLETE, {"measurement": None}, "is complete, so 'measurement' must be given; it is missing."),
        (COMPLETE, {"finished": None}, "is complete, so 'finished' must be given; it is missing."),
        (COMPLETE, {"error": "no."}, "is complete, so 'error' must not be given; it is there."),
        (COMPLETE, {"attempts": 0}, "is complete and has attempts 0; it must be 1 or more."),
        (FAILED, {"error": None}, "is failed, so 'error' must be given; it is missing."),
        (FAILED, {"attempts": 0}, "is failed and has attempts 0; it must be 1 or more."),
        (INFEASIBLE, {"measurement": Measurement(0.5)}, "is infeasible, so 'measurement' must not be given; it is"),
        (INFEASIBLE, {"error": None}, "is infeasible, so 'error' must be given; it is missing."),
        (DUPLICATE, {"measurement": Measurement(0.5)}, "is duplicate, so 'measurement' must not be given; it is"),
        (DUPLICATE, {"attempts": 1}, "is duplicate and has attempts 1; it must be 0."),
        (STOPPED, {"error": None}, "is stopped, so 'error' must be given; it is missing."),
        (STOPPED, {"reward": None}, "is stopped, so 'reward' must be given; it is missing."),
        (STOPPED, {"attempts": 0}, "is stopped and has attempts 0; it must be 1 or more."),
        (FILTERED, {"reward": 0.5}, "is filtered, so 'reward' must not be given; it is there."),
        (FILTERED, {"measurement": None}, "is filtered, so 'measurement' must be given; it is missing."),
        (RUNNING, {"reward": 0.5}, "is running, so 'reward' must not be given; it is there."),
        (RUNNING, {"finished": 1.0}, "is running, so 'finished' must not be given; it is there."),
        (RUNNING, {"controller_metrics": {"updates": 1.0}}, "is running, so it can have no controller_metrics yet."),
        (RUNNING, {"fingerprint": ""}, "has fingerprint ''; it must be empty without an architecture, and only then."),
    ],
)
def test_a_record_that_contradicts_itself_is_refused_in_a_sentence(state, changed, sentence):
    with pytest.raises(RecordError) as caught:
        replace(record_of(3, state, 0.5 if state in (COMPLETE, STOPPED) else None), **changed)
    assert str(caught.value).startswith(f"trial 3 {sentence}")


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("session", -1, "at least 0"),
        ("seed", 1.5, "an integer"),
        ("attempts", True, "an integer"),
        ("reward", float("nan"), "a finite number or null"),
        ("started", "today", "a finite number or null"),
    ],
)
def test_a_value_of_the_wrong_type_or_out_of_range_is_refused_in_a_sentence(name, value, right):
    with pytest.raises(RecordError) as caught:
        replace(record_of(3, COMPLETE, 0.5), **{name: value})
    assert str(caught.value) == f"trial 3: {name} is {as_yaml(value)}; it must be {right}."


def test_seeds_differ_by_trial_and_by_search():
    seeds = [trial_seed(search, number) for search in range(4) for number in range(200)]
    assert len(set(seeds)) == len(seeds)
    assert trial_seed(3, 5) == trial_seed(3, 5)
    assert trial_seed(0, 1) == int(np.random.SeedSequence(0, spawn_key=(1,)).generate_state(1)[0])
