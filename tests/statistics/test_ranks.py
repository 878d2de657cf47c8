"""Correlations of ranks, precision at the top, and the share of variance between groups, against known values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nas.statistics import best_half, intraclass_correlation, kendall, spearman, top_precision

VALUES = st.lists(st.integers(-5, 5), min_size=3, max_size=12)


@given(VALUES)
def test_a_ranking_agrees_with_itself_and_not_with_its_opposite(values):
    if len(set(values)) == 1:
        assert math.isnan(kendall(values, values))
        assert math.isnan(spearman(values, values))
        return
    for correlation in (kendall, spearman):
        assert correlation(values, values) == pytest.approx(1)
        assert correlation(values, [-value for value in values]) == pytest.approx(-1)


def test_known_values():
    first, second = [1, 2, 3, 4], [1, 3, 2, 4]
    assert kendall(first, second) == pytest.approx(4 / 6)  # one of six pairs is turned round
    assert spearman(first, second) == pytest.approx(0.8)
    assert math.isnan(kendall([1], [1]))


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=2, max_size=12))
def test_ties_are_counted_as_scipy_counts_them(pairs):
    first, second = zip(*pairs)
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert kendall(first, second) == pytest.approx(stats.kendalltau(first, second).statistic, abs=1e-12)
        assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic, abs=1e-12)


def test_precision_at_the_top():
    truth = [8, 7, 6, 5, 4, 3, 2, 1]
    assert top_precision(truth, truth) == 1
    assert top_precision([8, 0, 9, 1, 1, 1, 1, 1], truth) == 0.5  # the best quarter are two
    assert top_precision(truth[::-1], truth) == 0
    assert top_precision([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], share=1.0) == 1


def test_the_best_half():
    assert best_half([1, 5, 3, 4, 2]).tolist() == [1, 3, 2]


def test_variance_between_groups():
    assert intraclass_correlation([[1, 1], [2, 2], [3, 3]]) == 1
    assert intraclass_correlation([[1, 3], [1, 3], [1, 3]]) == pytest.approx(-1)
    assert math.isnan(intraclass_correlation([[1], [2], [3]]))
    assert math.isnan(intraclass_correlation([[1, 2]]))
    assert math.isnan(intraclass_correlation([[1, 1], [1, 1]]))


def test_variance_between_groups_of_simulated_measurements():
    rng = np.random.default_rng(0)
    groups = [rng.normal(mean, 1.0, 2 + place % 2) for place, mean in enumerate(rng.normal(0, 2.0, 4000))]
    assert intraclass_correlation(groups) == pytest.approx(4 / 5, abs=0.02)
