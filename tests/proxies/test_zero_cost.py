"""The proxies without training: a score that is no AP, an error sentence where there is none."""

from pathlib import Path
from typing import Any

import pytest
import torch

import nas
import proxies
from proxies.base import Score
from proxies.scores import SCORES, ScoreMethod
from proxies.zero_cost import ZeroCostProxy, ZeroCostSettings
from search_spaces.errors import ConfigError, DataError
from tests.proxies.proxies_support import ARCHITECTURE, tiny


def tiny_proxy(cache: Path, score: str = "synflow", **changes: Any) -> ZeroCostProxy:
    proxy = tiny("zero_cost", cache, **{"score": score, **changes})
    assert isinstance(proxy, ZeroCostProxy)
    return proxy


@pytest.mark.parametrize("score", SCORES)
def test_a_score_is_called_by_its_name_and_no_ap(cache: Path, score: str) -> None:
    measurement = tiny_proxy(cache, score).evaluate(ARCHITECTURE, seed=1)
    assert measurement.error is None
    assert measurement.ap is None
    assert measurement.value_name == score
    assert proxies.reward(measurement) == measurement.value
    assert set(measurement.seconds) == {"build", "data", "evaluate"}
    budget = measurement.budget
    assert (budget.image_size, budget.batch_size, budget.steps) == (32, 4, 0)
    assert (budget.train_images, budget.eval_images) == (12, 0)


def test_size_and_cost_are_those_of_the_measured_detector(cache: Path) -> None:
    detector = nas.build_detector(ARCHITECTURE, tiny_proxy(cache).settings.scaling, classes=4)
    cost = nas.cost(detector, 32)
    size = tiny_proxy(cache, "params").evaluate(ARCHITECTURE, seed=0)
    price = tiny_proxy(cache, "multiply_adds").evaluate(ARCHITECTURE, seed=0)
    assert size.value == size.params == cost.params_trainable
    assert price.value == price.multiply_adds == cost.multiply_adds


@pytest.mark.parametrize("score", ["nwot", "jacov", "grad_norm", "synflow"])
def test_the_seed_decides_the_weights(cache: Path, score: str) -> None:
    proxy = tiny_proxy(cache, score)
    values = [proxy.evaluate(ARCHITECTURE, seed=seed).value for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_a_score_that_is_not_finite_is_a_failed_measurement(cache: Path) -> None:
    """Two images to train on and no flips: a batch of four holds each of them twice."""
    proxy = tiny_proxy(cache, "nwot", data={"kind": "synthetic", "images": 8}, reserved_images=6, augment={"flip": 0.0})
    measurement = proxy.evaluate(ARCHITECTURE, seed=0)
    assert measurement.value is None
    assert proxies.reward(measurement) is None
    assert measurement.params > 0
    assert measurement.error == (
        "the score nwot is -inf: some images of the batch make the same ReLUs active, so the determinant of their "
        "kernel is 0"
    )


def test_errors_in_a_score_are_measurements(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setitem(SCORES, "synflow", ScoreMethod(fail))  # type: ignore[arg-type]
    measurement = tiny_proxy(cache).evaluate(ARCHITECTURE, seed=0)
    assert measurement.error == "out of memory in phase evaluate: CUDA out of memory."
    assert measurement.score is None


def test_the_batch_is_the_first_of_the_training(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(_: object, batch: Any) -> float:
        seen.append(batch[0])
        return 1.0

    monkeypatch.setitem(SCORES, "synflow", ScoreMethod(look))  # type: ignore[arg-type]
    for order_seed in (0, 0, 1):
        assert tiny_proxy(cache, order_seed=order_seed).evaluate(ARCHITECTURE, 0).score == Score("synflow", 1.0)
    assert seen[0].shape == (4, 3, 32, 32)
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])


def test_open_settings_are_those_of_a_training() -> None:
    small = proxies.build("zero_cost", device="cpu").resolved()
    trained = proxies.build("detection", device="cpu").resolved()
    assert small == {name: trained[name] for name in ("image_size", "batch_size", "device")}


def test_broken_data_is_said_in_the_driver(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        tiny_proxy(tmp_path, data={"kind": "coco", "root": str(tmp_path / "nowhere")}).prepare()


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        (
            {"score": "synflw"},
            r"^proxy\.score is 'synflw' \(did you mean 'synflow'\?\); it must be one of: grad_norm, ",
        ),
        ({"score": "nwot", "batch_size": 1}, r"^proxy\.batch_size is 1; it must be at least 2"),
        ({"score": "jacov", "batch_size": 1}, r"^proxy\.batch_size is 1; it must be at least 2"),
        ({"image_size": 0}, r"^proxy\.image_size is 0; it must be at least 1"),
        ({"reserve_seed": -1}, r"^proxy\.reserve_seed is -1"),
        (
            {"score": "nwot", "scaling": {"activation": "swish"}},
            r"^proxy\.scaling\.activation is 'swish'; nwot looks at",
        ),
        ({"steps": 5}, r"unknown proxy setting 'steps'"),
        ({"device": "gpu7"}, r"^proxy\.device is 'gpu7'"),
        ({"scaling": {"width": 0.001}}, "leave"),
    ],
)
def test_settings_are_checked_when_built(settings: dict[str, Any], pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        proxies.build("zero_cost", **settings)


def test_what_needs_no_relu_and_no_second_image_goes_without() -> None:
    scaling = nas.Scaling(activation="swish")
    assert ZeroCostSettings("synflow", batch_size=1, scaling=scaling).recipe.scaling == scaling
