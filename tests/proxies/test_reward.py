"""The reward of a measurement: its AP or its score, or None when the evaluation failed."""

import pytest

from proxies.base import Measurement, Score
from proxies.reward import reward


@pytest.mark.parametrize(
    ("measurement", "expected"),
    [
        (Measurement(ap=0.25), 0.25),
        (Measurement(ap=0.0), 0.0),
        (Measurement(ap=None, score=Score("synflow", 103.5)), 103.5),
        (Measurement(ap=None, score=Score("synflow", 103.5), error="the device failed later"), None),
        (Measurement(ap=None, error="out of memory"), None),
        (Measurement(ap=0.25, error="the device failed later"), None),
    ],
)
def test_reward(measurement: Measurement, expected: float | None) -> None:
    assert reward(measurement) == expected
