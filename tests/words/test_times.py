"""Durations and moments as people read them."""

import pytest

from nas.words import duration, moment


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.42, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (45.4, "45 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (89 * 60, "89 min"),
        (90 * 60 - 10, "1 h 30 min"),
        (3 * 3600 + 300, "3 h 05 min"),
        (18_720, "5 h 12 min"),
        (48 * 3600 - 1, "48 h 00 min"),
        (48 * 3600, "2.0 days"),
        (270_000, "3.1 days"),
    ],
)
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_a_moment_is_in_utc():
    assert moment(0) == "1970-01-01 00:00 UTC"
    assert moment(1_760_000_000.9) == "2025-10-09 08:53 UTC"
