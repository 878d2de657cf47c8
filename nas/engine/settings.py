"""The settings of a search."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType

from search_spaces.settings import integer, of_type


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """How long a search goes on and what it does when things go wrong.

    Attributes:
        samples: how many architectures to evaluate; failed ones count, known ones do not.
        seed: the seed of every trial derives from this one and the number of the trial.
        retries: how often a trial that lost its worker is tried again.
        failed_reward: what the controller is told for a trial without a result; None leaves it to the controller.
        max_duplicates: the search ends when this many proposals in a row brought nothing new.

    Raises:
        ConfigError: a setting has the wrong type or is out of range.
    """

    samples: int
    seed: int = 0
    retries: int = 2
    failed_reward: float | None = None
    max_duplicates: int = 1000

    def __post_init__(self) -> None:
        for name, least in (("samples", 1), ("seed", 0), ("retries", 0), ("max_duplicates", 1)):
            integer(name, getattr(self, name), least)
        of_type("failed_reward", self.failed_reward, float, NoneType)
