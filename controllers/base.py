"""The one interface of all controllers: ask for a proposal, tell its reward."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from search_spaces.base import SearchSpace
from search_spaces.decisions import Decisions


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision sequence to evaluate.

    Attributes:
        number: 0, 1, 2, ... in the order of asking.
        decisions: the sequence; ``space.decode`` turns it into an architecture.
    """

    number: int
    decisions: Decisions


class Controller(ABC):
    """Proposes decision sequences and learns from rewards.

    The state is a function of the space, the seed and the order of ``ask`` and ``tell`` calls alone, so replaying a
    record into a fresh controller restores it. Rewards may come late and in any order; each proposal is told at most
    once.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        self.space = space
        self.seed = seed

    @abstractmethod
    def ask(self) -> Proposal:
        """The next proposal.

        Raises:
            SpaceExhausted: nothing new is left to propose (only controllers that remember what they proposed).
        """

    @abstractmethod
    def tell(self, proposal: Proposal, reward: float | None) -> None:
        """Take in the reward of an earlier proposal; None when its evaluation failed.

        Raises:
            ControllerError: the proposal was not asked for, or was told before, or the reward is not finite.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on in another process: tensors, numbers, strings, lists and dictionaries only."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state_dict`'s result; the next proposals are then the same.

        Raises:
            ControllerError: the state is of another kind of controller or of another space.
        """
