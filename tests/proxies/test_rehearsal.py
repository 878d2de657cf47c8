"""How long a whole evaluation takes, from a shortened one."""

import pytest

import proxies
from proxies.base import Budget, Measurement
from proxies.rehearsal import extrapolate
from tests.proxies.test_synthetic import ARCHITECTURES


def test_each_phase_grows_with_what_it_works_through():
    seconds = {"build": 1.0, "data": 2.0, "train": 10.0, "statistics": 3.0, "evaluate": 4.0}
    part = Measurement(ap=0.0, seconds=seconds, budget=Budget(96, 8, 20, 1500, 40))
    whole = Budget(96, 8, 500, 1500, 400)
    found = extrapolate(part, whole)
    assert found.measurement.budget == whole
    assert found.measurement.seconds == pytest.approx(
        {"build": 1.0, "data": 2.0 * 4400 / 200, "train": 250.0, "statistics": 3.0, "evaluate": 40.0}
    )
    assert found.how == "extrapolated from 20 of 500 training steps and from detecting in 40 of 400 images"


def test_the_images_of_the_statistics_are_read_once_in_either():
    """200 images of training and evaluation, 100 of the statistics; AP is measured twice."""
    part = Measurement(ap=0.0, seconds={"data": 3.4}, budget=Budget(96, 8, 20, 1500, 40))
    found = extrapolate(part, Budget(96, 8, 500, 1500, 400), statistics_images=100, evaluations=2)
    assert found.measurement.seconds["data"] == pytest.approx((4000 + 800 + 100) / 100)


def test_a_proxy_without_training_is_evaluated_in_full():
    proxy = proxies.build("synthetic", delay=0.05)
    found = proxy.rehearse(ARCHITECTURES[0], 0)
    assert found.measurement.seconds["evaluate"] >= 0.05
    assert found.how == "measured by one whole evaluation"
    assert proxy.cache_bytes() == 0
