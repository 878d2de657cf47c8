"""A number with its interval."""

import math

from nas.statistics import UNKNOWN, Interval


def test_what_lies_at_the_end_is_not_excluded():
    assert not Interval(1.0, 0.0, 2.0, count=3).excludes(0.0)
    assert Interval(1.0, 0.1, 2.0, count=3).excludes(0.0)
    assert Interval(1.0, 0.1, 2.0, count=3).excludes(2.5)


def test_what_is_not_known_has_no_ends_and_excludes_nothing():
    assert (UNKNOWN.has_ends, UNKNOWN.excludes(0.0), UNKNOWN.count) == (False, False, 0)
    assert math.isnan(UNKNOWN.estimate)
    assert Interval(1.0, 0.5, 1.5, count=2).has_ends
