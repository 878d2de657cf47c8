"""Runs made up for the tests of the reporting package."""

from dataclasses import replace

import numpy as np

import search_spaces
from nas.engine.record import Run, Session
from nas.engine.trial import TrialRecord, TrialState
from proxies.base import Budget, Measurement, Score

SPACE = search_spaces.build("toy")
ARCHITECTURES = [SPACE.sample(np.random.default_rng(seed)) for seed in range(8)]
START = 1_760_000_000.0
CONFIG = {
    "space": {"name": "toy", "intermediates": [3, 4]},
    "controller": {"name": "ppo", "learning_rate": 0.00035},
    "proxy": {"name": "detection", "steps": 450},
    "data": {"name": "synthetic", "root": None},
    "samples": 24,
    "seed": 7,
}
ESSENTIALS = {"space": "toy", "controller": "ppo", "proxy": "detection", "data": "synthetic", "samples": 24, "seed": 7}
"""What a report shows of ``CONFIG`` at a glance."""
PROVENANCE = {"commit": "0123abcd", "versions": {"torch": "2.11.0"}, "device": "one processor", "data": "feed5eed"}


def measurement(ap, multiply_adds=50_000_000, seconds=None):
    return Measurement(
        ap=ap,
        params=350_000,
        multiply_adds=multiply_adds,
        seconds=seconds or {"build": 1.0, "train": 40.0, "evaluate": 4.0},
        budget=Budget(128, 4, 450, 2000, 256),
        worker="worker 0",
    )


def complete(number, reward, session=0, metrics=None, **options):
    architecture = ARCHITECTURES[number % len(ARCHITECTURES)]
    begun = START + 50.0 * number
    return TrialRecord(
        number,
        TrialState.COMPLETE,
        (),
        architecture,
        architecture.fingerprint,
        0,
        session,
        started=begun,
        finished=begun + 50.0,
        reward=reward,
        measurement=measurement(reward, **options),
        attempts=1,
        controller_metrics=metrics or {},
    )


def scored(number, name="synflow", steps=0):
    """A complete trial of a proxy that measures no AP: its score is 100 and its number."""
    trial, value = complete(number, 100.0 + number), 100.0 + number
    budget = Budget(128, 4, steps, 2000)
    return replace(trial, measurement=replace(trial.measurement, ap=None, score=Score(name, value), budget=budget))


def other(number, state, error=None, reward=None, session=0):
    """A trial that is not complete; one that must have an error has ``" "`` without ``error``."""
    architecture = None if state is TrialState.INFEASIBLE else ARCHITECTURES[number % len(ARCHITECTURES)]
    begun = START + 50.0 * number
    finished = None if state is TrialState.RUNNING else begun + 50.0
    fingerprint = architecture.fingerprint if architecture else ""
    return TrialRecord(
        number,
        state,
        (),
        architecture,
        fingerprint,
        0,
        session,
        started=begun,
        finished=finished,
        reward=reward,
        error=error or (" " if state in (TrialState.FAILED, TrialState.INFEASIBLE) else None),
        attempts=int(state is TrialState.FAILED),
    )


def stopped_early(number, reward, rung=150):
    """A trial that was stopped at a rung."""
    trial = complete(number, reward)
    measured = replace(trial.measurement, budget=Budget(128, 4, rung, 2000, 256), rungs={rung: reward})
    return replace(trial, state=TrialState.STOPPED, error="others were better.", measurement=measured)


def filtered_out(number, score):
    """A trial that the filter turned down."""
    measured = Measurement(None, seconds={"filter": 2.0}, filter_score=score)
    error = f"prefilter cheap: {score:.4g} is not among the best 30 % of 9."
    return replace(complete(number, 0.1), state=TrialState.FILTERED, error=error, reward=None, measurement=measured)


def run_of(*trials, config=CONFIG, provenance=PROVENANCE, warnings=()):
    return Run((Session(START, config, provenance),), tuple(trials), warnings)


def mixed_run():
    """Six trials: three complete (0.1, 0.3, 0.2), one failed, one duplicate of the best, one running."""
    return run_of(
        complete(0, 0.1, multiply_adds=10_000_000),
        complete(1, 0.3, multiply_adds=30_000_000),
        other(2, TrialState.FAILED, "the loss is not finite at step 12"),
        other(3, TrialState.DUPLICATE, reward=0.9),
        complete(4, 0.2, multiply_adds=40_000_000),
        other(5, TrialState.RUNNING),
    )


def long_run(count):
    rewards = np.random.default_rng(0).random(count)
    return run_of(*(complete(number, float(reward)) for number, reward in enumerate(rewards)))


def learning_run(count):
    """Complete trials, of which every second one made the controller learn."""
    learnt = {number: {"updates": (number + 1) / 2, "entropy": 1.0 / (number + 1)} for number in range(1, count, 2)}
    return run_of(*(complete(number, 0.1, metrics=learnt.get(number)) for number in range(count)))
