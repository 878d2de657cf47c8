"""Replay: a fresh controller, asked again, must propose what the record says that it proposed."""

from __future__ import annotations

from pathlib import Path

from controllers.base import Controller, Proposal
from nas.engine.events import Proposed
from search_spaces.errors import RecordError, SpaceExhausted


def ask_again(controller: Controller, event: Proposed, path: Path) -> Proposal:
    """The controller's next proposal, which must be the recorded one.

    Args:
        controller: was asked and told all that comes before the event.
        event: what it proposed at this point.
        path: of the record, for messages.

    Raises:
        RecordError: it proposes something else, or nothing.
    """
    try:
        proposal = controller.ask()
    except SpaceExhausted as error:
        raise _difference(event, path, f"it has nothing to propose ({error})") from None
    if (proposal.number, proposal.decisions) != (event.number, event.decisions):
        raise _difference(event, path, f"{list(proposal.decisions)} instead of {list(event.decisions)}")
    return proposal


def _difference(event: Proposed, path: Path, found: str) -> RecordError:
    return RecordError(
        f"record {path}: replayed, the controller proposes another trial {event.number}: {found}; the controller, its "
        "settings or the code differ from those that wrote the record."
    )
