"""What a runner is given: the settings of a search and the trials it hands out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from search_spaces.architecture import Architecture
from search_spaces.decisions import Decisions
from search_spaces.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Trial:
    """What a worker needs to evaluate one architecture.

    Attributes:
        number: the trial's number in the record.
        decisions: decode to the architecture.
        architecture: what is evaluated.
        seed: seed of the evaluation.
        attempt: 1, or more when earlier attempts of this session lost their worker.
    """

    number: int
    decisions: Decisions
    architecture: Architecture
    seed: int
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How long a search goes on and what it does when things go wrong.

    Attributes:
        samples: architectures to evaluate, failed ones included, known ones not.
        seed: every trial's seed derives from this one and the trial's number.
        retries: how often a trial that lost its worker is tried again.
        failed_reward: what the controller is told for a trial without a result; None leaves it to the controller.
        max_duplicates: the search ends when so many proposals in a row brought nothing new.

    Raises:
        ConfigError: a setting is out of range.
    """

    samples: int
    seed: int = 0
    retries: int = 2
    failed_reward: float | None = None
    max_duplicates: int = 1000

    def __post_init__(self) -> None:
        for name, least in (("samples", 1), ("seed", 0), ("retries", 0), ("max_duplicates", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least {least}.")
        if self.failed_reward is not None and not math.isfinite(self.failed_reward):
            raise ConfigError(f"failed_reward is {self.failed_reward}; it must be a finite number or null.")


def trial_seed(search_seed: int, number: int) -> int:
    """The seed of a trial's evaluation: 32 bits from the search's seed and the trial's number."""
    return int(np.random.SeedSequence(search_seed, spawn_key=(number,)).generate_state(1)[0])
