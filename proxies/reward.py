"""From a measurement to the scalar that a controller is told."""

from __future__ import annotations

import math

from proxies.base import Measurement


def reward(measurement: Measurement) -> float | None:
    """AP, the reward of the paper (section 3.1); None when the evaluation failed, or gave no finite number."""
    if measurement.error is not None or measurement.ap is None or not math.isfinite(measurement.ap):
        return None
    return measurement.ap
