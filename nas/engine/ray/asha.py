"""Trials that are worse than others at the same step are stopped: Tune's ASHA over optimiser steps.

Li et al., "A System for Massively Parallel Hyperparameter Tuning" (MLSys 2020), Algorithm 2, as Ray Tune has it: a
trial goes on when its reward at a rung is among the best 1 / ``asha_keep`` of the trials that have reached the
rung so far; nobody waits for anybody. Tune never saves what it knows of the rungs, so a resumed search gives it what
the record holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from ray.tune.schedulers import ASHAScheduler

from nas.engine.trial import TrialRecord
from proxies.reward import AP_ALONE, Reward
from search_spaces.settings import boolean, integer, within


@dataclass(frozen=True, slots=True)
class AshaSettings:
    """When trials are stopped early.

    Attributes:
        asha: whether they are.
        asha_first: the first rung, as a share of all optimiser steps; each further one has ``asha_keep`` times as many.
        asha_keep: of so many trials at a rung, one goes on.

    Raises:
        ConfigError: a setting has the wrong type or is out of range.
    """

    asha: bool = False
    asha_first: float = 0.2
    asha_keep: int = 3

    def __post_init__(self) -> None:
        boolean("asha", self.asha)
        within("asha_first", self.asha_first, 0, 1, "()")
        integer("asha_keep", self.asha_keep, 2)

    def rungs(self, steps: int) -> tuple[int, ...]:
        """The steps at which a trial of ``steps`` steps may be stopped; none where there is nothing to stop."""
        found: list[int] = []
        rung = max(1, round(self.asha_first * steps))
        while self.asha and rung < steps:
            found.append(rung)
            rung *= self.asha_keep
        return tuple(found)


def scheduler(
    rungs: tuple[int, ...], steps: int, keep: int, trials: Iterable[TrialRecord], reward: Reward = AP_ALONE
) -> ASHAScheduler:
    """ASHA that knows what the trials of a record had at the rungs.

    Args:
        rungs: as :meth:`AshaSettings.rungs` gives them, at least one.
        steps: of a whole training.
        keep: of so many trials at a rung, one goes on.
        trials: of the record, in any state.
        reward: what they are ranked by.
    """
    asha = ASHAScheduler(
        time_attr="steps", metric="value", mode="max", max_t=steps, grace_period=rungs[0], reduction_factor=keep
    )
    nobody: Any = None  # ASHA asks nothing of the controller
    for trial in trials:
        reached = _rewards(trial, reward)
        recorded: Any = SimpleNamespace(trial_id=f"recorded-{trial.number}")
        asha.on_trial_add(nobody, recorded)
        for rung in set(rungs) & reached.keys():
            asha.on_trial_result(nobody, recorded, {"steps": rung, "value": reached[rung]})
        asha.on_trial_remove(nobody, recorded)
    return asha


def _rewards(trial: TrialRecord, reward: Reward) -> Mapping[int, float]:
    """Steps -> the reward after that many; a trial that has a reward need not be counted for that again."""
    measured, architecture = trial.measurement, trial.architecture
    if measured is None or architecture is None or reward.is_ap or not measured.rungs:
        return {} if measured is None else measured.rungs
    factor = trial.reward / measured.ap if trial.reward and measured.ap else reward.of_ap(1.0, architecture)
    return {steps: ap * factor for steps, ap in measured.rungs.items()}
