"""Means with intervals, against values worked out elsewhere."""

import pytest

from nas.statistics.student import mean_interval


def test_the_interval_of_three():
    """Mean 0.2, standard deviation 0.1: half a width of 4.3027 * 0.1 / sqrt(3)."""
    found = mean_interval([0.1, 0.2, 0.3])
    assert (found.estimate, found.count) == (pytest.approx(0.2), 3)
    assert (found.low, found.high) == (pytest.approx(0.2 - 0.24841, abs=1e-5), pytest.approx(0.2 + 0.24841, abs=1e-5))


def test_the_ten_of_student_s_paper():
    """Sleep gained, paired ("The Probable Error of a Mean", 1908); the interval is that of R's t.test."""
    differences = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]
    found = mean_interval(differences)
    assert found.estimate == pytest.approx(1.58)
    assert (found.low, found.high) == (pytest.approx(0.7001, abs=1e-3), pytest.approx(2.4599, abs=1e-3))


def test_one_value_has_no_interval_and_none_no_mean():
    one = mean_interval([0.5])
    assert (one.estimate, one.count, one.has_ends) == (0.5, 1, False)
    assert mean_interval([]) is None
