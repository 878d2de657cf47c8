"""Proposals as events: new ones, and those that must come again."""

from pathlib import Path

import pytest

from controllers.base import Proposal
from nas.engine.events import Proposed
from nas.engine.proposals import ask_again, new_event
from nas.engine.trial import trial_seed
from search_spaces.errors import ArchitectureError, RecordError
from tests.engine.engine_support import ARCHITECTURE, DECISIONS, SPACE, Scripted, distinct

FIRST, SECOND = distinct(2)
PATH = Path("runs/a/record.db")
EVENT = Proposed(0, FIRST, ARCHITECTURE, ARCHITECTURE.fingerprint, 0, 1.0)


def test_a_new_proposal_is_decoded_and_gets_a_seed_of_its_own():
    event = new_event(Proposal(4, DECISIONS), SPACE, seed=9)
    assert (event.number, event.decisions, event.error) == (4, DECISIONS, None)
    assert (event.architecture, event.fingerprint) == (ARCHITECTURE, ARCHITECTURE.fingerprint)
    assert event.seed == trial_seed(9, 4)
    assert event.time > 1_700_000_000


def test_decisions_that_give_no_architecture_are_an_event_with_an_error(monkeypatch):
    def refuse(space, decisions):
        raise ArchitectureError("block 3 has no parent.")

    monkeypatch.setattr(type(SPACE), "decode", refuse)
    event = new_event(Proposal(0, DECISIONS), SPACE, seed=0)
    assert (event.architecture, event.fingerprint, event.error) == (None, "", "block 3 has no parent.")


def test_the_recorded_proposal_comes_back():
    proposal = ask_again(Scripted([FIRST]), EVENT, PATH)
    assert (proposal.number, proposal.decisions) == (0, FIRST)


@pytest.mark.parametrize(
    ("script", "asked", "found"),
    [
        ([SECOND], 0, f"{list(SECOND)} instead of {list(FIRST)}"),
        ([SECOND, FIRST], 1, f"{list(FIRST)} instead of"),
        ([], 0, "it has nothing to propose (the script is at its end.)"),
    ],
    ids=["other decisions", "another number", "nothing"],
)
def test_anything_else_is_a_sentence(script, asked, found):
    controller = Scripted(script)
    for _ in range(asked):
        controller.ask()
    with pytest.raises(RecordError) as caught:
        ask_again(controller, EVENT, PATH)
    sentence = str(caught.value)
    assert sentence.startswith(f"record {PATH}: replayed, the controller proposes another trial 0: {found}")
    assert sentence.endswith("the controller, its settings or the code differ from those that wrote the record.")
