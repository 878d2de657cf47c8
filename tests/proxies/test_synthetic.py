"""The synthetic proxy: agreement with a hidden target."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import proxies
import search_spaces
from proxies.synthetic import SyntheticProxy, agreement
from search_spaces import Architecture, BlockSpec
from search_spaces.errors import ConfigError

SPACE = search_spaces.build("spinenet")
ARCHITECTURES = [SPACE.sample(np.random.default_rng(seed)) for seed in range(200)]


@settings(max_examples=30, deadline=None)
@given(one=st.integers(0, 2**32 - 1), two=st.integers(0, 2**32 - 1))
def test_agreement_is_symmetric_and_1_with_itself_alone(one, two):
    first, second = (SPACE.sample(np.random.default_rng(seed)) for seed in (one, two))
    assert agreement(first, first) == 1.0
    assert agreement(first, second) == agreement(second, first)
    assert 0.0 <= agreement(first, second) <= 1.0
    assert (agreement(first, second) == 1.0) == (first == second)


def test_agreement_counts_level_type_and_common_parents_of_every_block():
    stem = (BlockSpec(2), BlockSpec(2, parents=(0,)))
    target = Architecture(stem, (BlockSpec(3, "residual", (0, 1)), BlockSpec(3, "bottleneck", (1, 2), True)), 3, 3)
    other = Architecture(stem, (BlockSpec(4, "residual", (0, 1)), BlockSpec(3, "residual", (0, 2), True)), 3, 3)
    longer = Architecture(stem, (*other.blocks[:1], BlockSpec(5, parents=(0, 1)), other.blocks[1]), 3, 3)
    assert agreement(other, target) == pytest.approx(((0 + 1 + 1) + (1 + 0 + 0.5)) / 3 / 2)
    assert agreement(longer, target) == pytest.approx(((0 + 1 + 1) + (0 + 1 + 0.5)) / 3 / 3)


def test_the_target_measures_1_and_names_the_proxy():
    proxy = SyntheticProxy(target_seed=3)
    measurement = proxy.evaluate(proxy.target, seed=0)
    assert (measurement.ap, measurement.error) == (1.0, None)
    assert proxy.fingerprint() == f"synthetic-{proxy.target.fingerprint}" != SyntheticProxy().fingerprint()


@pytest.mark.parametrize("seed", range(5))
def test_a_generator_of_the_same_seed_does_not_draw_the_target(seed):
    target = SyntheticProxy(target_seed=seed).target
    assert agreement(SPACE.sample(np.random.default_rng(seed)), target) < 0.7


def test_it_survives_pickling_and_is_built_from_plain_values():
    proxy = proxies.build("synthetic", space={"kind": "toy", "outputs": [3, 4, 5]}, target_seed=1, noise=0.1)
    again = pickle.loads(pickle.dumps(proxy))
    architecture = search_spaces.build("toy", outputs=[3, 4, 5]).sample(np.random.default_rng(0))
    assert again == proxy
    assert again.evaluate(architecture, seed=5).ap == proxy.evaluate(architecture, seed=5).ap


def test_noise_depends_on_architecture_and_seed_alone():
    exact, noisy = SyntheticProxy(), SyntheticProxy(noise=0.05)
    assert exact.evaluate(ARCHITECTURES[0], seed=0).ap == exact.evaluate(ARCHITECTURES[0], seed=1).ap
    measured = [noisy.evaluate(architecture, seed=7) for architecture in ARCHITECTURES]
    assert measured[0].ap == SyntheticProxy(noise=0.05).evaluate(ARCHITECTURES[0], seed=7).ap
    assert measured[0].ap != noisy.evaluate(ARCHITECTURES[0], seed=8).ap
    added = [measurement.ap - measurement.metrics["agreement"] for measurement in measured]
    assert np.std(added) == pytest.approx(0.05, rel=0.2)
    assert abs(np.mean(added)) < 0.015


def test_failures_are_measurements_with_a_reason():
    proxy = SyntheticProxy(fail_rate=0.25)
    measured = [proxy.evaluate(architecture, seed=7) for architecture in ARCHITECTURES]
    failed = [measurement for measurement in measured if measurement.ap is None]
    assert 0.15 < len(failed) / len(measured) < 0.35
    assert all(measurement.error == "a failure drawn at fail_rate 0.25." for measurement in failed)
    assert all(measurement.error is None for measurement in measured if measurement.ap is not None)


def test_delay_is_spent_in_evaluation():
    assert SyntheticProxy(delay=0.05).evaluate(ARCHITECTURES[0], seed=0).seconds["evaluate"] >= 0.05


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"target_seed": 1.5}, "^target_seed is 1.5; it must be an integer"),
        ({"target_seed": -1}, "^target_seed is -1; it must be at least 0"),
        ({"delay": -0.5}, "^delay is -0.5; it must be at least 0"),
        ({"noise": float("nan")}, "^noise is nan; it must be a finite number"),
        ({"fail_rate": 1.5}, "^fail_rate is 1.5; it must be at least 0 and at most 1"),
    ],
)
def test_a_setting_out_of_range_is_refused(chosen, sentence):
    with pytest.raises(ConfigError, match=sentence):
        SyntheticProxy(**chosen)


def test_an_unknown_space_is_refused_at_once():
    with pytest.raises(ConfigError, match="unknown space 'spinnet'"):
        SyntheticProxy(space="spinnet")
