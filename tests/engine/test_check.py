"""Checks: what they are, what contradicts itself, their seeds."""

from dataclasses import replace

import pytest

from nas.engine.check import Check, CheckRecord, Purpose, check_seed
from nas.engine.trial import trial_seed
from proxies.base import Measurement
from search_spaces.errors import RecordError
from tests.engine.engine_support import ARCHITECTURE

CHECK = Check(Purpose.FINALIST, "trial 3", ARCHITECTURE, seed=1, longer=2)
DONE = CheckRecord(CHECK, 0, 0.5, Measurement(ap=0.25), None, 1.0, 2.0)


def test_checks_of_one_evaluation_have_one_key():
    assert replace(CHECK, name="trial 8", attempt=2, longer=2.0).key == CHECK.key
    others = [replace(CHECK, purpose=Purpose.FINAL), replace(CHECK, seed=2), replace(CHECK, longer=3)]
    assert len({CHECK.key, *(other.key for other in others)}) == 4


def test_the_value_of_a_check():
    assert DONE.value == 0.25
    assert replace(DONE, reward=None, error="the loss is not finite.").value is None
    assert replace(DONE, reward=None, measurement=None, error="it died.").value is None


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"reward": None}, "finalist check of trial 3 must have either a reward or an error; it has none."),
        ({"error": "no."}, "finalist check of trial 3 must have either a reward or an error; it has both."),
        ({"measurement": None}, "finalist check of trial 3 has a reward and no AP or score."),
        ({"reward": float("nan")}, "finalist check of trial 3: reward is nan; it must be a finite number or null."),
    ],
)
def test_a_record_that_contradicts_itself_is_refused_in_a_sentence(changed, sentence):
    with pytest.raises(RecordError) as caught:
        replace(DONE, **changed)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"seed": -1}, "check of trial 3: seed is -1; it must be at least 0."),
        ({"longer": 0.5}, "check of trial 3: longer is 0.5; it must be at least 1."),
        ({"attempt": 0}, "check of trial 3: attempt is 0; it must be at least 1."),
    ],
)
def test_a_value_out_of_range_is_named(changed, sentence):
    with pytest.raises(RecordError) as caught:
        replace(CHECK, **changed)
    assert str(caught.value) == sentence


def test_no_seed_is_used_twice():
    checks = [check_seed(0, purpose, repeat) for purpose in Purpose for repeat in range(20)]
    trials = [trial_seed(0, number) for number in range(200)]
    assert len({*checks, *trials}) == 260
    assert check_seed(1, Purpose.FINAL, 0) != check_seed(0, Purpose.FINAL, 0)
