"""What every controller keeps book of: which proposals were asked for, and which of them wait for a reward."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from numbers import Real
from typing import Any

from controllers.base import Proposal
from search_spaces.base import SearchSpace
from search_spaces.decisions import Decisions
from search_spaces.errors import ControllerError


class Ledger:
    """Numbers the proposals and checks what is told about them."""

    def __init__(self) -> None:
        self.asked = 0
        self.pending: dict[int, Decisions] = {}

    def issue(self, decisions: Decisions) -> Proposal:
        """The next proposal, which waits from now on."""
        proposal = Proposal(self.asked, decisions)
        self.pending[self.asked] = decisions
        self.asked += 1
        return proposal

    def settle(self, proposal: Proposal, reward: float | None) -> None:
        """Check a told proposal and strike it off.

        Raises:
            ControllerError: it was never asked for, was told before, or the reward is not a finite number.
        """
        number = proposal.number
        if number not in self.pending and 0 <= number < self.asked:
            raise ControllerError(f"proposal {number} was told before; each proposal is told once.")
        if self.pending.get(number) != tuple(proposal.decisions):
            raise ControllerError(
                f"proposal {number} with decisions {list(proposal.decisions)} was never asked for; tell what ask "
                f"returned (numbers below {self.asked}, decisions unchanged)."
            )
        if reward is not None and not (isinstance(reward, Real) and math.isfinite(reward)):
            raise ControllerError(
                f"the reward of proposal {number} is {reward!r}; it must be a finite number, or None for a failed "
                "evaluation."
            )
        del self.pending[number]

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return {"asked": self.asked, "pending": {number: list(taken) for number, taken in self.pending.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore :meth:`state_dict`'s result."""
        self.asked = state["asked"]
        self.pending = {number: tuple(taken) for number, taken in state["pending"].items()}


def identity(name: str, space: SearchSpace, settings: Any) -> dict[str, Any]:
    """What a saved state belongs to; ``settings`` is the controller's settings dataclass."""
    return {"controller": name, "space": repr(space), "settings": asdict(settings)}


def check_identity(state: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Check that a saved state belongs to this controller.

    Raises:
        ControllerError: it is of another kind of controller, another space or other settings.
    """
    for key, value in expected.items():
        if state.get(key) != value:
            raise ControllerError(f"the saved state has {key} {state.get(key)!r}; this controller has {value!r}.")
