"""Uniform random search: the reference that every learning controller is held against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from controllers.base import Controller, Proposal
from controllers.ledger import Ledger, check_identity, identity
from search_spaces.base import SearchSpace


@dataclass(frozen=True, slots=True)
class RandomSettings:
    """Random search has nothing to set."""


class RandomSearch(Controller):
    """Every sequence of the space is equally likely, whatever was told; sequences may come again."""

    def __init__(self, space: SearchSpace, seed: int, settings: RandomSettings) -> None:
        super().__init__(space, seed)
        self._identity = identity("random", space, settings)
        self._ledger = Ledger()
        self._rng = np.random.default_rng(seed)

    def ask(self) -> Proposal:
        """The next proposal; never exhausted."""
        return self._ledger.issue(self.space.sample_decisions(self._rng))

    def tell(self, proposal: Proposal, reward: float | None) -> None:
        """Check and strike off; nothing is learnt."""
        self._ledger.settle(proposal, reward)

    def state_dict(self) -> dict[str, Any]:
        """Generator and open proposals."""
        return {**self._identity, "rng": self._rng.bit_generator.state, "ledger": self._ledger.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`'s result."""
        check_identity(state, self._identity)
        self._rng.bit_generator.state = state["rng"]
        self._ledger.load_state_dict(state["ledger"])
