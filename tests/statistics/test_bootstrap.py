"""Bootstrap intervals."""

import math

import numpy as np
import pytest

from nas.statistics import Interval, interval
from search_spaces.errors import ConfigError


def mean(values):
    return values.mean()


def difference(one, other):
    return one.mean() - other.mean()


def test_the_interval_of_a_mean_is_the_one_of_the_normal_distribution():
    values = np.random.default_rng(0).normal(5.0, 2.0, size=400)
    found = interval(mean, (values,))
    error = values.std() / math.sqrt(len(values))
    assert found.estimate == values.mean()
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_it_holds_the_truth_about_as_often_as_its_level_says():
    rng = np.random.default_rng(1)
    experiments = [interval(mean, (rng.normal(size=40),), draws=300, level=0.8) for _ in range(300)]
    assert 0.72 < np.mean([not found.excludes(0.0) for found in experiments]) < 0.86


def test_paired_rows_stay_together():
    common = np.random.default_rng(2).normal(size=50) * 100
    paired = interval(difference, (common + 1.0, common))
    assert (paired.low, paired.estimate, paired.high) == pytest.approx((1.0, 1.0, 1.0))
    assert paired.excludes(0.0)
    assert not interval(difference, (common + 1.0, common), paired=False).excludes(0.0)


def test_arrays_that_are_not_paired_may_differ_in_length():
    found = interval(difference, (np.full(30, 2.0), np.full(7, 0.5)), paired=False)
    assert (found.low, found.high) == (1.5, 1.5)


def test_a_number_of_rows_gives_the_statistic_the_rows_that_were_drawn():
    table = {0: 3.0, 1: 5.0, 2: 7.0}
    by_index = interval(lambda rows: np.mean([table[row] for row in rows.tolist()]), 3, seed=4)
    assert by_index == interval(mean, (np.array([3.0, 5.0, 7.0]),), seed=4)


def test_the_seed_decides_the_draws():
    values = (np.random.default_rng(3).normal(size=20),)
    assert interval(mean, values, seed=1) == interval(mean, values, seed=1)
    assert interval(mean, values, seed=1) != interval(mean, values, seed=2)


def test_draws_without_a_value_are_left_out():
    def spread(values):
        return values.std() if len(set(values.tolist())) > 1 else math.nan

    assert interval(spread, (np.array([0.0, 2.0]),)) == Interval(1.0, 1.0, 1.0, count=2)
    never = interval(spread, (np.zeros(4),))
    assert math.isnan(never.low)
    assert math.isnan(never.estimate)
    assert not never.excludes(0.0)


@pytest.mark.parametrize("changed", [{"seed": -1}, {"draws": 0}, {"level": 1.0}, {"level": 0.0}])
def test_settings_out_of_range_are_refused(changed):
    with pytest.raises(ConfigError, match=next(iter(changed))):
        interval(mean, (np.arange(3.0),), **changed)


@pytest.mark.parametrize("samples", [0, (), (np.array([]),), (np.arange(3.0), np.arange(2.0))])
def test_rows_that_do_not_fit_are_refused(samples):
    with pytest.raises(ValueError, match="rows; there must be some"):
        interval(mean, samples)
