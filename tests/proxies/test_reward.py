"""The reward of a measurement: its AP or its score, or None when the evaluation failed."""

from types import SimpleNamespace
from typing import Any

import pytest

import nas
import search_spaces
from proxies.base import Measurement, Score
from proxies.reward import AP_ALONE, IMAGE_SIZE, FullSize, Reward, RewardSettings, count_full_size, reward
from search_spaces.errors import ConfigError


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [
        (Measurement(ap=0.25), 0.25),
        (Measurement(ap=0.0), 0.0),
        (Measurement(ap=None, score=Score("synflow", 103.5)), 103.5),
        (Measurement(ap=None, score=Score("synflow", 103.5), error="the device failed later"), None),
        (Measurement(ap=None, error="out of memory"), None),
        (Measurement(ap=0.25, error="the device failed later"), None),
    ],
)
def test_reward(measurement: Measurement, expected: float | None) -> None:
    assert reward(measurement) == expected


ARCHITECTURE = search_spaces.load("spinenet-49")


def counting(params: int, multiply_adds: int) -> Any:
    return lambda architecture: SimpleNamespace(params_trainable=params, multiply_adds=multiply_adds)


@pytest.mark.parametrize(
    ("cost", "exponent", "expected"),
    [
        (None, -0.07, 0.25),
        ("params", -0.07, 0.25 * 2**-0.07),  # twice the target: about 5 % less
        ("multiply_adds", -0.07, 0.25 * 0.5**-0.07),
        ("params", -1.0, 0.125),
        ("params", 0.0, 0.25),
    ],
)
def test_the_product_of_mnasnet(cost: str | None, exponent: float, expected: float) -> None:
    settings = RewardSettings(cost=cost, target=None if cost is None else 100.0, exponent=exponent)
    found = Reward(settings, counting(200, 50))(Measurement(ap=0.25), ARCHITECTURE)
    assert found == pytest.approx(expected)


def test_a_failure_has_no_reward_whatever_it_costs() -> None:
    rewarding = Reward(RewardSettings(cost="params", target=1.0), counting(2, 2))
    assert rewarding(Measurement(ap=None, error="out of memory"), ARCHITECTURE) is None


def test_bounds() -> None:
    assert Reward(RewardSettings(max_params=10, max_multiply_adds=20), counting(10, 20)).refuse(ARCHITECTURE) is None
    assert Reward(RewardSettings(max_multiply_adds=2000), counting(10, 2001)).refuse(ARCHITECTURE) == (
        "it has 2,001 multiply-adds; reward.max_multiply_adds allows 2,000."
    )


def test_the_cost_is_that_of_the_full_size_detector() -> None:
    assert AP_ALONE.count(ARCHITECTURE).multiply_adds == nas.cost(nas.build_detector("spinenet-49"), 640).multiply_adds


def test_a_score_is_refused_before_anything_is_measured() -> None:
    AP_ALONE.check_score("synflow")
    costly = Reward(RewardSettings(cost="params", target=1e6), counting(1, 1))
    costly.check_score(None)
    with pytest.raises(
        ConfigError, match=r"^reward\.cost is params; it must be null where the proxy gives synflow and"
    ):
        costly.check_score("synflow")


def test_a_full_size_detector_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []

    def counting_once(architecture: Any, size: int) -> Any:
        counted.append(size)
        return SimpleNamespace(params_trainable=3, multiply_adds=4)

    monkeypatch.setattr("nas.detectors.full_size.full_size_cost", counting_once)
    count_full_size.cache_clear()
    assert [count_full_size(ARCHITECTURE), count_full_size(ARCHITECTURE)] == [FullSize(3, 4)] * 2
    assert counted == [IMAGE_SIZE]
    count_full_size.cache_clear()
