"""Proposals of a controller as events: a new one, and one that is asked for again when a record is replayed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from controllers.base import Controller, Proposal
from nas.engine.events import Proposed
from nas.engine.trial import trial_seed
from search_spaces.architecture import Architecture
from search_spaces.base import SearchSpace
from search_spaces.errors import ArchitectureError, RecordError, SpaceError, SpaceExhausted

Refuse = Callable[[Architecture], str | None]
"""Says in a sentence why an architecture must not be trained; None: it may."""


def allow_all(architecture: Architecture) -> None:
    """Refuses nothing."""


def new_event(proposal: Proposal, space: SearchSpace, seed: int, refuse: Refuse = allow_all) -> Proposed:
    """The event of a proposal that was just made.

    Args:
        proposal: what the controller proposes.
        space: decodes it; decisions that give no valid architecture become an event with its error.
        seed: of the search.
        refuse: what it refuses becomes an event with an architecture and an error.
    """
    try:
        architecture = space.decode(proposal.decisions)
        error = refuse(architecture)
    except (ArchitectureError, SpaceError) as problem:
        architecture, error = None, str(problem)
    return Proposed(
        number=proposal.number,
        decisions=proposal.decisions,
        architecture=architecture,
        fingerprint=architecture.fingerprint if architecture else "",
        seed=trial_seed(seed, proposal.number),
        time=time.time(),
        error=error,
    )


def ask_again(controller: Controller, event: Proposed, path: Path) -> Proposal:
    """The next proposal of a controller that is replayed, which must be the recorded one.

    Args:
        controller: a fresh one that was asked and told all that comes before the event.
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
