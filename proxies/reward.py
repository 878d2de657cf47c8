"""From a measurement to the scalar that a controller is told."""

from __future__ import annotations

from proxies.base import Measurement


def reward(measurement: Measurement) -> float | None:
    """AP, the reward of the paper (section 3.1), or the score in its place; None when the evaluation failed."""
    return None if measurement.error is not None else measurement.value
