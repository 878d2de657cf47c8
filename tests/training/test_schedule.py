"""The learning rate of a step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.training.schedule import Schedule
from search_spaces.errors import ConfigError


def test_warm_up_then_cosine_to_zero() -> None:
    schedule = Schedule(learning_rate=2.0, steps=100, warmup_steps=10, warmup_start=0.5)
    assert schedule.rate(0) == pytest.approx(1.0)
    assert schedule.rate(50) == pytest.approx(1.0)
    assert schedule.rate(10) == pytest.approx(2.0, rel=0.05)
    assert schedule.rate(99) == pytest.approx(0, abs=0.001)


def test_step_decay() -> None:
    schedule = Schedule(learning_rate=1.0, steps=350, kind="step")
    assert [schedule.rate(step) for step in (0, 319, 320, 339, 340)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])


@given(steps=st.integers(1, 500), warmup=st.integers(0, 50), kind=st.sampled_from(["cosine", "step", "constant"]))
def test_rate_is_never_above_the_learning_rate(steps: int, warmup: int, kind: str) -> None:
    schedule = Schedule(learning_rate=0.1, steps=steps, kind=kind, warmup_steps=warmup)
    assert all(0 <= schedule.rate(step) <= 0.1 for step in range(steps))


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ({"kind": "linear"}, "'linear'; it must be one of: cosine, step, constant"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"warmup_start": 2.0}, "warmup_start is 2"),
        ({"decay_at": (1.5,)}, "decay_at is 1.5"),
    ],
)
def test_settings_out_of_range(values: dict[str, object], pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        Schedule(**{"learning_rate": 0.1, "steps": 10, **values})  # type: ignore[arg-type]
