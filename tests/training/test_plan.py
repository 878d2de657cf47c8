"""The share of a training that is done: even, without a jump where its length is decided anew, and in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.training.plan import FIRST_STEPS, Plan, TimeLimit


def test_without_a_limit_the_share_is_even():
    assert [Plan(8).done(step) for step in range(9)] == [step / 8 for step in range(9)]
    assert Plan(8).done(9) == 1


@given(st.integers(10, 1000), st.lists(st.tuples(st.integers(1, 50), st.integers(1, 300)), max_size=6))
def test_the_share_grows_and_makes_no_jump(steps, decisions):
    plan, step, shares = Plan(steps), 0, [0.0]
    for later, length in decisions:
        for _ in range(later):
            if step < plan.steps:
                step += 1
                shares.append(plan.done(step))
        if step < plan.steps:
            before = plan.done(step)
            plan = plan.ending_at(step + length, step)
            assert plan.done(step) == pytest.approx(before)
    while step < plan.steps:
        step += 1
        shares.append(plan.done(step))
    assert shares == sorted(shares)
    assert shares[-1] == 1


@pytest.mark.parametrize(("early", "late"), [(1.0, 1.0), (1.0, 3.0), (3.0, 1.0)])
@pytest.mark.parametrize("validation", [0.1, 20.0])
def test_a_limit_is_kept_at_any_speed(early, late, validation):
    """A step takes ``early`` seconds at first and ``late`` ones after a third of the time; there are 20 validations."""
    limit, times = TimeLimit(1000.0, 10**6), 20
    plan, step, elapsed, decided, validating = Plan(10**6), 0, 0.0, 0.0, 0.0
    while step < plan.steps:
        before = plan.done(step)
        step, elapsed = step + 1, elapsed + (early if elapsed < 333 else late)
        if int(plan.done(step) * times) > int(before * times):
            elapsed, validating = elapsed + validation, validating + validation
        if limit.is_due(plan, step, elapsed, decided):
            left = (1 - plan.done(step)) * times * (validation if validating else 0.0)
            plan, decided = limit.decide(plan, step, elapsed, validating, left), elapsed
    assert 850 < elapsed < 1025
    assert len(plan.decided) < 25


def test_no_training_is_longer_than_its_protocol():
    limit = TimeLimit(1000.0, 50)
    plan = limit.decide(Plan(50), 10, 1.0, 0.0, 0.0)
    assert plan.steps == 50
    assert not limit.is_due(Plan(50), FIRST_STEPS - 1, 999.0, 0.0)
    assert limit.decide(Plan(50), 10, 1000.0, 0.0, 0.0).steps == 11
