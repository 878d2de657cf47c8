"""Uniform random search: the reference that every learning controller is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from controllers.base import Controller, Memory, Proposal, Settings
from search_spaces.decisions import Decisions


@dataclass(frozen=True, slots=True)
class RandomSettings(Settings):
    """Random search has nothing to set."""

    kind: ClassVar[str] = "random"


class RandomSearch(Controller):
    """Every sequence of the space is equally likely, whatever was told; sequences may come again."""

    def _propose(self) -> tuple[Decisions, Memory]:
        """A sequence drawn uniformly; the space is never exhausted."""
        return self.space.sample_decisions(self._rng), {}

    def _learn(self, proposal: Proposal, memory: Memory, reward: float | None) -> None:
        """Nothing is learnt."""
