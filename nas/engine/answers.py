"""What follows from a measurement: the state of its trial, the reward, the reason; and what the controller is told."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nas.engine.check import Check
from nas.engine.events import Finished
from nas.engine.settings import SearchSettings
from nas.engine.trial import Trial, TrialRecord, TrialState
from nas.words import number
from proxies.base import Measurement
from proxies.reward import Reward


@dataclass(frozen=True, slots=True)
class Verdict:
    """State, reward and reason, as in :class:`nas.engine.trial.TrialRecord`; a failure has no reward here."""

    state: TrialState
    reward: float | None = None
    error: str | None = None


def judge(trial: Trial | Check, measurement: Measurement, reward: Reward, settings: SearchSettings) -> Verdict:
    """What a measurement says; a trial's that has neither AP nor score nor error comes from the filter alone."""
    score = measurement.filter_score
    if measurement.value is None and measurement.error is None and score is not None and isinstance(trial, Trial):
        return Verdict(TrialState.FILTERED, error=_why_filtered(trial, score, settings))
    missing = "the proxy reported no AP and no score." if measurement.value is None else None
    error = measurement.error or missing
    value = None if error else reward(measurement, trial.architecture)
    if error is None and (value is None or not math.isfinite(value)):
        error = f"the reward is {value}; it must be a finite number."
    if value is None or error is not None:
        return Verdict(TrialState.FAILED, error=error)
    return Verdict(TrialState.COMPLETE, float(value))


def told(answer: Finished | TrialRecord) -> float | None:
    """What the controller is told: no reward for a trial that was stopped, since it is no match for whole ones."""
    return None if answer.state is TrialState.STOPPED else answer.reward


def _why_filtered(trial: Trial, score: float, settings: SearchSettings) -> str:
    share = f"{100 * (settings.keep or 0):.3g} %"
    return f"prefilter {settings.prefilter}: {number(score)} is not among the best {share} of {trial.among}."
