"""The one interface of all controllers: ask for a proposal, tell its reward. A method is two hooks on the books here.

The books are what every controller needs and none should write again: the numbers of the proposals, which of them wait
for a reward, the checks of what is told, the generator, and the saved state with what it belongs to.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from search_spaces.base import SearchSpace
from search_spaces.decisions import Decisions
from search_spaces.errors import ControllerError, SpaceExhausted

Memory = dict[str, Any]
"""What a method remembers about a proposal until its reward is told: tensors, numbers, strings, lists, dictionaries."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A decision sequence to evaluate.

    Attributes:
        number: 0, 1, 2, ... in the order of asking.
        decisions: the sequence; ``space.decode`` turns it into an architecture.
    """

    number: int
    decisions: Decisions


@dataclass(frozen=True, slots=True)
class Settings:
    """Base of the settings of a controller.

    Attributes:
        kind: what the controller is called in the registry, in saved states and in messages.
    """

    kind: ClassVar[str]


class Controller(ABC):
    """Proposes decision sequences and learns from rewards.

    The state is a function of the space, the seed, the settings and the order of the calls of ``ask`` and ``tell``
    alone, so replaying a record into a fresh controller restores it. Rewards may come late and in any order; each
    proposal is told at most once.

    A method is a subclass with two hooks: :meth:`_propose` decides, :meth:`_learn` takes in a reward. One that learns
    something gives it to :meth:`_state` and takes it back in :meth:`_restore`, and shows it in :meth:`metrics`. All
    random numbers come from ``self._rng``.
    """

    def __init__(self, space: SearchSpace, seed: int, settings: Settings) -> None:
        self.space = space
        self.seed = seed
        self._rng = np.random.default_rng(seed)
        self._identity = {"controller": settings.kind, "space": repr(space), "settings": asdict(settings)}
        self._asked = 0
        self._pending: dict[int, tuple[Decisions, Memory]] = {}

    @abstractmethod
    def _propose(self) -> tuple[Decisions, Memory]:
        """The next sequence, and what :meth:`_learn` will need to know about it (an empty dictionary for nothing).

        Raises:
            SpaceExhausted: nothing new is left to propose (only controllers that remember what they proposed); what
                the method has learnt must then be as it was before.
        """

    @abstractmethod
    def _learn(self, proposal: Proposal, memory: Memory, reward: float | None) -> None:
        """Take in a reward, which is a finite number, or None when the evaluation failed or was not made to its end.

        Args:
            proposal: as :meth:`ask` returned it.
            memory: what :meth:`_propose` returned with its decisions.
            reward: the reward.
        """

    def _state(self) -> dict[str, Any]:
        """What the method has learnt: tensors, numbers, strings, lists and dictionaries; need not be a copy."""
        return {}

    def _restore(self, learnt: dict[str, Any]) -> None:  # noqa: B027 (a method that learns nothing has nothing to do)
        """Take back what :meth:`_state` gave; the dictionary is a copy that may be kept."""

    def metrics(self) -> dict[str, float]:
        """How the learning goes, by name; finite numbers that change when the controller has learnt something.

        Empty where there is nothing to say. The names that occur, each documented where it is computed: ``updates``,
        ``entropy``, ``baseline``, ``approx_kl`` (:class:`controllers.policy_gradient.PolicyGradient`) and
        ``clip_fraction`` (:class:`controllers.ppo.Ppo`).
        """
        return {}

    def ask(self) -> Proposal:
        """The next proposal, which waits for its reward from now on.

        Raises:
            SpaceExhausted: nothing new is left to propose (only controllers that remember what they proposed); nothing
                has changed.
        """
        before = self._rng.bit_generator.state
        try:
            decisions, memory = self._propose()
        except SpaceExhausted:
            self._rng.bit_generator.state = before  # no record holds this call, so a replay does not make it
            raise
        proposal = Proposal(self._asked, decisions)
        self._pending[proposal.number] = decisions, memory
        self._asked += 1
        return proposal

    def tell(self, proposal: Proposal, reward: float | None) -> None:
        """Take in the reward of an earlier proposal; None when its evaluation failed.

        None too where a search stopped the training early, or left it away after a filter: such a reward is no match
        for those of whole trainings, and a controller learns nothing from it.

        Raises:
            ControllerError: the proposal was not asked for or was told before, or the reward is not a finite number.
        """
        self._check_told(proposal, reward)
        decisions, memory = self._pending.pop(proposal.number)
        self._learn(Proposal(proposal.number, decisions), memory, None if reward is None else float(reward))

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on in another process: tensors, numbers, strings, lists and dictionaries; a copy."""
        state = {
            **self._identity,
            "rng": self._rng.bit_generator.state,
            "asked": self._asked,
            "pending": {
                number: {"decisions": list(decisions), "memory": memory}
                for number, (decisions, memory) in self._pending.items()
            },
            "learnt": self._state(),
        }
        return copy.deepcopy(state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the result of :meth:`state_dict`; the next proposals are then the same.

        Raises:
            ControllerError: the state is of another kind of controller, another space or other settings.
        """
        for key, value in self._identity.items():
            if state.get(key) != value:
                raise ControllerError(f"the saved state has {key} {state.get(key)!r}; this controller has {value!r}.")
        state = copy.deepcopy(state)
        self._rng.bit_generator.state = state["rng"]
        self._asked = state["asked"]
        self._pending = {
            number: (tuple(saved["decisions"]), saved["memory"]) for number, saved in state["pending"].items()
        }
        self._restore(state["learnt"])

    def _check_told(self, proposal: Proposal, reward: float | None) -> None:
        number = proposal.number
        if number not in self._pending and 0 <= number < self._asked:
            raise ControllerError(f"proposal {number} was told before; each proposal must be told once.")
        if number not in self._pending or self._pending[number][0] != tuple(proposal.decisions):
            raise ControllerError(
                f"proposal {number} with decisions {list(proposal.decisions)} was never asked for; tell what ask "
                f"returned (numbers below {self._asked}, decisions unchanged)."
            )
        if reward is not None and not (isinstance(reward, Real) and math.isfinite(reward)):
            raise ControllerError(
                f"the reward of proposal {number} is {reward!r}; it must be a finite number, or None for a failed "
                "evaluation."
            )
