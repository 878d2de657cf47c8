"""A measurement survives JSON; every proxy keeps the contract, with every score and on every kind of data."""

import json
import math
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import proxies
from proxies.base import Budget, Measurement, Proxy, Score
from proxies.scores import SCORES
from tests.datasets.coco_support import content, write
from tests.proxies.proxies_support import ARCHITECTURE, TINY

DETECTOR: dict[str, Any] = {**TINY, "data": {"kind": "synthetic", "images": 8}, "batch_size": 2}
SETTINGS: dict[str, dict[str, Any]] = {
    "detection": {"kind": "detection", **DETECTOR, "steps": 1},
    "loss": {"kind": "loss", **DETECTOR, "steps": 2, "window": 2},
    "synthetic": {"kind": "synthetic", "space": "toy", "noise": 0.1},
    **{name: {"kind": "zero_cost", **DETECTOR, "score": name} for name in SCORES},
}
ON_IMAGES = sorted(SETTINGS.keys() - {"synthetic"})


def built(name: str, cache: Path, **changes: Any) -> Proxy:
    on_images = {"cache_dir": str(cache)} if name in ON_IMAGES else {}
    return proxies.build(**{**SETTINGS[name], **on_images, **changes})


@pytest.fixture(scope="module", params=SETTINGS)
def measured(request: pytest.FixtureRequest, cache: Path) -> tuple[str, Proxy, Measurement]:
    """The name of each proxy, itself, prepared, and what it measures of the architecture with seed 1."""
    proxy = built(request.param, cache)
    proxy.prepare()
    return request.param, proxy, proxy.evaluate(ARCHITECTURE, seed=1)


def test_every_kind_of_proxy_is_held_to_the_contract() -> None:
    assert {settings["kind"] for settings in SETTINGS.values()} == set(proxies.PROXIES)


def test_a_measurement_survives_json() -> None:
    measurement = Measurement(
        ap=0.5,
        metrics={"ap50": 0.75},
        params=3,
        multiply_adds=4,
        seconds={"train": 1.5},
        budget=Budget(32, 4, 5, 6, 7),
        device="cpu",
        worker="host:1",
        rungs={2: 0.25},
        filter_score=-3.5,
    )
    assert Measurement.from_dict(json.loads(json.dumps(measurement.to_dict()))) == measurement
    scored = Measurement(ap=None, score=Score("synflow", 12.5))
    assert Measurement.from_dict(json.loads(json.dumps(scored.to_dict()))) == scored


def test_what_earlier_versions_did_not_measure_is_written_only_where_there_is_something() -> None:
    assert {"score", "rungs", "filter_score"}.isdisjoint(Measurement(ap=0.5).to_dict())
    assert Measurement.from_dict(json.loads(json.dumps(Measurement(ap=0.5).to_dict()))) == Measurement(ap=0.5)
    later = Measurement(ap=None, score=Score("synflow", 0.0), rungs={2: 0.0}, filter_score=0.0)
    assert Measurement.from_dict(json.loads(json.dumps(later.to_dict()))) == later


@pytest.mark.parametrize(
    ("measurement", "name", "value"),
    [
        (Measurement(ap=0.5), "AP", 0.5),
        (Measurement(ap=None, error="out of memory"), "AP", None),
        (Measurement(ap=None, score=Score("nwot", 61.5)), "nwot", 61.5),
    ],
)
def test_a_measurement_says_what_architectures_are_ranked_by(
    measurement: Measurement, name: str, value: float | None
) -> None:
    assert (measurement.value_name, measurement.value) == (name, value)


def test_the_stages_of_another_of_the_same_settings_end_with_what_one_evaluates(
    measured: tuple[str, Proxy, Measurement], cache: Path
) -> None:
    name, proxy, one = measured
    again = built(name, cache)
    *_, last = again.stages(ARCHITECTURE, 1, rungs=())
    assert replace(last, seconds={}) == replace(one, seconds={})
    assert again.training_steps() == last.budget.steps
    assert proxy.fingerprint() == again.fingerprint() != ""


def test_a_measurement_of_every_proxy(measured: tuple[str, Proxy, Measurement]) -> None:
    *_, one = measured
    assert one.error is None
    assert one.value is not None
    assert math.isfinite(one.value)
    assert (one.ap is None) is (one.score is not None), "a score is not called AP, and an AP is no score"
    assert proxies.reward(one) == one.value
    assert Measurement.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    assert one.worker == "", "a proxy says nothing of the worker"


def test_what_a_proxy_says_of_its_measurements_beforehand(measured: tuple[str, Proxy, Measurement]) -> None:
    _, proxy, one = measured
    assert proxy.score_name() == (None if one.score is None else one.score.name)
    assert proxy.has_detectors() is (one.multiply_adds > 0)


@pytest.mark.parametrize("name", SETTINGS)
def test_what_it_made_of_open_settings_can_be_given_back(name: str, cache: Path) -> None:
    resolved = built(name, cache).resolved()
    assert pickle.loads(pickle.dumps(resolved)) == json.loads(json.dumps(resolved)) == resolved
    again = proxies.build(**{**SETTINGS[name], **resolved})
    assert again.resolved() == resolved


@pytest.mark.parametrize("name", SETTINGS)
def test_longer_training_is_the_same_proxy(name: str, cache: Path) -> None:
    proxy = built(name, cache)
    assert type(proxy.longer(2.0)) is type(proxy)
    assert proxy.longer(2.0).fingerprint() == proxy.fingerprint()
    proxy.check(ARCHITECTURE)


@pytest.mark.parametrize("name", ON_IMAGES)
def test_images_of_one_s_own_are_measured_on(name: str, tmp_path: Path) -> None:
    data = {"kind": "coco", "root": write(tmp_path / "data", content()).root}
    measurement = built(name, tmp_path, data=data).evaluate(ARCHITECTURE, seed=0)
    assert measurement.error is None or "AP could not be measured" in measurement.error
    assert measurement.budget.train_images == 3
