"""The books that the base class keeps, seen through a method that consists of its hooks alone."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

import search_spaces
from controllers.base import Controller, Proposal, Settings
from search_spaces.errors import ControllerError, SpaceExhausted

TOY = search_spaces.build("toy")


@dataclass(frozen=True, slots=True)
class ClimbSettings(Settings):
    kind: ClassVar[str] = "climb"

    most: int = 5


class Climb(Controller):
    """Proposes until ``most`` proposals were made, and remembers which of them was the best."""

    def __init__(self, settings: ClimbSettings | None = None, seed: int = 0) -> None:
        self.most = (settings or ClimbSettings()).most
        super().__init__(TOY, seed, settings or ClimbSettings())
        self.learnt: list[tuple[int, int, float | None]] = []
        self.made = 0

    def _propose(self):
        decisions = TOY.sample_decisions(self._rng)
        if self.made == self.most:
            raise SpaceExhausted("all were proposed.")
        self.made += 1
        return decisions, {"made": self.made}

    def _learn(self, proposal, memory, reward):
        self.learnt.append((proposal.number, memory["made"], reward))

    def _state(self):
        return {"made": self.made, "learnt": [list(row) for row in self.learnt]}

    def _restore(self, learnt):
        self.made = learnt["made"]
        self.learnt = [tuple(row) for row in learnt["learnt"]]


def test_proposals_are_numbered_and_what_was_remembered_comes_back_with_the_reward():
    controller = Climb()
    proposals = [controller.ask() for _ in range(3)]
    assert [proposal.number for proposal in proposals] == [0, 1, 2]
    controller.tell(proposals[2], 0.5)
    controller.tell(proposals[0], None)
    assert controller.learnt == [(2, 3, 0.5), (0, 1, None)]


def test_an_exhausted_space_leaves_the_books_and_the_generator_as_they_were():
    controller = Climb(ClimbSettings(most=1))
    proposal = controller.ask()
    before = controller.state_dict()
    with pytest.raises(SpaceExhausted):
        controller.ask()
    assert controller.state_dict() == before
    controller.tell(proposal, 0.5)


def test_a_refused_reward_teaches_nothing_and_may_be_told_again():
    controller = Climb()
    proposal = controller.ask()
    with pytest.raises(ControllerError, match=r"^the reward of proposal 0 is nan; it must be a finite number, or None"):
        controller.tell(proposal, float("nan"))
    with pytest.raises(ControllerError, match=r"^proposal 7 with decisions .* was never asked for; .* below 1,"):
        controller.tell(Proposal(7, proposal.decisions), 1.0)
    assert controller.learnt == []
    controller.tell(proposal, 1)
    assert controller.learnt == [(0, 1, 1.0)]
    with pytest.raises(ControllerError, match=r"^proposal 0 was told before; each proposal must be told once\.$"):
        controller.tell(proposal, 1.0)


def test_a_saved_state_holds_the_books_and_what_was_learnt_apart():
    controller = Climb()
    proposals = [controller.ask() for _ in range(3)]
    controller.tell(proposals[1], 0.25)
    state = controller.state_dict()
    assert (state["controller"], state["settings"], state["asked"]) == ("climb", {"most": 5}, 3)
    assert {number: saved["memory"] for number, saved in state["pending"].items()} == {0: {"made": 1}, 2: {"made": 3}}
    assert state["learnt"] == {"made": 3, "learnt": [[1, 2, 0.25]]}
    restored = Climb()
    restored.load_state_dict(state)
    restored.tell(proposals[2], 0.5)
    assert restored.ask() == controller.ask()
    assert restored.learnt == [(1, 2, 0.25), (2, 3, 0.5)]


def test_a_state_of_other_settings_is_refused():
    with pytest.raises(
        ControllerError, match=r"saved state has settings \{'most': 4\}; this controller has \{'most': 5"
    ):
        Climb().load_state_dict(Climb(ClimbSettings(most=4)).state_dict())


def test_a_method_that_learns_nothing_has_no_metrics():
    assert Climb().metrics() == {}
