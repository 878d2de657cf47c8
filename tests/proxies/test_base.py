"""A measurement survives JSON; every proxy keeps the contract."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import proxies
import search_spaces
from proxies.base import Budget, Measurement, Proxy

ARCHITECTURE = search_spaces.build("toy").sample(np.random.default_rng(0))
SETTINGS: dict[str, dict[str, Any]] = {
    "detection": {
        "data": {"kind": "synthetic", "images": 8},
        "image_size": 32,
        "batch_size": 2,
        "steps": 1,
        "device": "cpu",
        "scaling": {"width": 0.125, "endpoints": 8, "head_channels": 8, "head_depth": 1},
    },
    "synthetic": {"space": "toy", "noise": 0.1},
}


def built(name: str, cache: Path) -> Proxy:
    return proxies.build(name, **SETTINGS[name], **({"cache_dir": str(cache)} if name == "detection" else {}))


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
    )
    assert Measurement.from_dict(json.loads(json.dumps(measurement.to_dict()))) == measurement


@pytest.mark.parametrize("name", SETTINGS)
def test_two_of_the_same_settings_measure_the_same(name: str, tmp_path: Path) -> None:
    proxy, again = built(name, tmp_path), built(name, tmp_path)
    proxy.prepare()
    one, two = proxy.evaluate(ARCHITECTURE, seed=1), again.evaluate(ARCHITECTURE, seed=1)
    assert one.error is None
    assert one.ap == two.ap
    assert proxy.fingerprint() == again.fingerprint() != ""
    assert Measurement.from_dict(json.loads(json.dumps(one.to_dict()))) == one


@pytest.mark.parametrize("name", SETTINGS)
def test_a_proxy_says_nothing_of_the_worker(name: str, tmp_path: Path) -> None:
    assert built(name, tmp_path).evaluate(ARCHITECTURE, seed=1).worker == ""


@pytest.mark.parametrize("name", SETTINGS)
def test_what_it_made_of_open_settings_can_be_given_back(name: str, tmp_path: Path) -> None:
    resolved = built(name, tmp_path).resolved()
    assert pickle.loads(pickle.dumps(resolved)) == json.loads(json.dumps(resolved)) == resolved
    again = proxies.build(name, **{**SETTINGS[name], **resolved})
    assert again.resolved() == resolved


@pytest.mark.parametrize("name", SETTINGS)
def test_longer_training_is_the_same_proxy(name: str, tmp_path: Path) -> None:
    proxy = built(name, tmp_path)
    assert type(proxy.longer(2.0)) is type(proxy)
    assert proxy.longer(2.0).fingerprint() == proxy.fingerprint()
    proxy.check(ARCHITECTURE)
