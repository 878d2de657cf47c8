"""The proxy of few steps: minus the mean of the last losses."""

from pathlib import Path
from typing import Any

import pytest

import proxies
from nas.training.loop import TrainingResult
from proxies import detection
from proxies.base import Measurement
from proxies.loss import NAME, LossProxy
from search_spaces.errors import ConfigError
from tests.proxies.proxies_support import ARCHITECTURE, tiny


def tiny_proxy(cache: Path, **changes: Any) -> LossProxy:
    proxy = tiny("loss", cache, **{"learning_rate": 0.01, "warmup_steps": 2, **changes})
    assert isinstance(proxy, LossProxy)
    return proxy


def given_losses(monkeypatch: pytest.MonkeyPatch, *losses: float, diverged: bool = False) -> None:
    monkeypatch.setattr(
        detection, "train_in_stages", lambda detector, *_: iter([(TrainingResult(losses, diverged), detector)])
    )


def measured(proxy: LossProxy) -> Measurement:
    return proxy.evaluate(ARCHITECTURE, seed=0)


@pytest.mark.parametrize(("window", "value"), [(1, -1.0), (2, -1.5), (4, -4.5)])
def test_the_score_is_minus_the_mean_of_the_last_losses(
    cache: Path, monkeypatch: pytest.MonkeyPatch, window: int, value: float
) -> None:
    given_losses(monkeypatch, 99.0, 10.0, 5.0, 2.0, 1.0)
    measurement = measured(tiny_proxy(cache, steps=5, window=window))
    assert (measurement.value_name, measurement.value) == (NAME, value)
    assert measurement.ap is None
    assert proxies.reward(measurement) == value


def test_nothing_is_evaluated(cache: Path) -> None:
    measurement = measured(tiny_proxy(cache, steps=3, window=1))
    assert set(measurement.seconds) == {"build", "data", "train"}
    assert measurement.metrics == {}
    assert (measurement.budget.steps, measurement.budget.train_images, measurement.budget.eval_images) == (3, 12, 0)


def test_training_makes_it_better(cache: Path) -> None:
    start, end = (measured(tiny_proxy(cache, steps=steps, window=3)).value for steps in (3, 30))
    assert start is not None
    assert end is not None
    assert end > start + 0.1


def test_the_recipe_s_seed_and_the_weights_seed_decide(cache: Path) -> None:
    values = [tiny_proxy(cache, steps=2, window=2).evaluate(ARCHITECTURE, seed).value for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_a_loss_that_is_not_finite_is_a_failed_measurement(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_losses(monkeypatch, 2.0, float("inf"), diverged=True)
    measurement = measured(tiny_proxy(cache, steps=20))
    assert measurement.value is None
    assert measurement.diverged
    assert measurement.error == "the loss was not finite at step 2 of 20"


def test_fifty_steps_by_default() -> None:
    assert proxies.build("loss", device="cpu").resolved()["steps"] == 50


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"window": 0}, r"^proxy\.window is 0; it must be at least 1"),
        ({"window": 60}, r"^proxy\.window is 60 and steps is 50; window must not be above steps"),
        ({"reserve_seed": -1}, r"^proxy\.reserve_seed is -1"),
        ({"epochs": 1}, r"^proxy\.steps is 50 and epochs is 1; one of them must be null"),
    ],
)
def test_settings_are_checked_when_built(settings: dict[str, Any], pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        proxies.build("loss", **settings)


def test_it_is_rehearsed_by_one_whole_evaluation(cache: Path) -> None:
    rehearsal = tiny_proxy(cache, steps=12, window=10).rehearse(ARCHITECTURE, seed=0)
    assert rehearsal.measurement.error is None
    assert rehearsal.measurement.budget.steps == 12
    assert rehearsal.how == "measured by one whole evaluation"


def test_a_score_has_stages_too(cache: Path) -> None:
    first, last = tiny_proxy(cache, steps=6, window=2).stages(ARCHITECTURE, 0, (4,))
    assert first.rungs == last.rungs == {4: first.value}
    assert (first.budget.steps, last.budget.steps) == (4, 6)
    assert last.value == measured(tiny_proxy(cache, steps=6, window=2)).value
