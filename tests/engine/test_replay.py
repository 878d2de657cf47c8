"""A controller that is asked again must propose what was recorded."""

from pathlib import Path

import pytest

from nas.engine.events import Proposed
from nas.engine.replay import ask_again
from search_spaces.errors import RecordError
from tests.engine.engine_support import ARCHITECTURE, Scripted, distinct

FIRST, SECOND = distinct(2)
PATH = Path("runs/a/record.db")
EVENT = Proposed(0, FIRST, ARCHITECTURE, ARCHITECTURE.fingerprint, 0, 1.0)


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
