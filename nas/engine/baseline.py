"""The random search that a search is compared with: one whose folder is given, or one found beside the run folder."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.engine.database import connect, sentences
from nas.engine.differences import first_difference
from nas.engine.events import Json, SessionBegun, plain
from nas.engine.older import current_identity
from nas.engine.record import Run, read_run
from nas.engine.rows import from_rows
from nas.engine.store import RECORD_NAME
from nas.engine.trial import TrialState
from search_spaces.errors import NasError, RecordError

COMPARED = ("space", "proxy", "data", "reward")
"""What two searches must have in common to be compared, of what makes a search the one it is."""
RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A random search over the same space, with the same proxy, data and reward.

    Attributes:
        folder: its run folder.
        run: its record.
    """

    folder: Path
    run: Run


def is_random(identity: Json) -> bool:
    """Whether a search trains what it draws at random, without a filter; older records have a name for the kind."""
    return bool(_controller_kind(identity) == RANDOM) and not identity.get("prefilter")


def given_baseline(folder: Path, identity: Json) -> Baseline:
    """The random search in ``folder``, for a search of that identity.

    Raises:
        RecordError: there is no record, it is damaged, or its search is not random, has another space, proxy, data
            or reward, or stopped trials early, so that its complete ones are no random samples.
    """
    if not (folder / RECORD_NAME).is_file():
        raise RecordError(f"against is {folder}, which holds no {RECORD_NAME}; give the run folder of a random search.")
    other = _recorded_identity(folder)
    if not is_random(other):
        raise RecordError(
            f"against is {folder}, whose controller is {_controller_kind(other)!r}"
            f"{' with a prefilter' if other.get('prefilter') else ''}; give the run folder of a search with "
            "controller=random and no prefilter."
        )
    if difference := _difference(other, identity):
        key, there, here = difference
        raise RecordError(
            f"against is {folder}, whose {key} is {there!r}, and here it is {here!r}; give the run folder of a random "
            "search with the same space, proxy and data."
        )
    run = read_run(folder)
    if any(trial.state is TrialState.STOPPED for trial in run.trials):
        raise RecordError(
            f"against is {folder}, where trials were stopped early; give the run folder of a random search with "
            "runner.asha=false."
        )
    return Baseline(folder, run)


def found_baseline(folder: Path, identity: Json) -> Baseline | None:
    """The random search with the most complete samples among the run folders beside ``folder``; None for none.

    A random search is not looked for another one to compare with. Records that cannot be read are passed over.
    """
    if is_random(identity):
        return None
    own = folder.resolve()
    found: list[Baseline] = []
    for path in sorted(own.parent.glob(f"*/{RECORD_NAME}")):
        with suppress(NasError):
            if path.parent != own:
                found.append(given_baseline(path.parent, identity))
    return max(found, key=_complete, default=None)


def _controller_kind(identity: Json) -> Any:
    controller = identity.get("controller", {})
    return controller.get("kind", controller.get("name"))


def _complete(baseline: Baseline) -> int:
    return sum(trial.state is TrialState.COMPLETE for trial in baseline.run.trials)


def _difference(other: Json, identity: Json) -> tuple[str, Any, Any] | None:
    """The first difference in what is compared, each brought to the terms of the other where it is older."""
    mine = plain(identity)
    theirs, mine = current_identity(other, mine), current_identity(mine, other)
    there, here = ({part: one.get(part) for part in COMPARED} for one in (theirs, mine))
    return first_difference(there, here)


def _recorded_identity(folder: Path) -> Json:
    """The identity in the first row of a record; the rest is not read."""
    path = folder / RECORD_NAME
    connection = connect(path)
    try:
        with sentences(path):
            rows = connection.execute("SELECT number, payload, checksum FROM events ORDER BY number LIMIT 1").fetchall()
    finally:
        connection.close()
    events, _ = from_rows(rows, path)
    if not events or not isinstance(events[0], SessionBegun):
        raise RecordError(f"record {path} does not begin with a session; it is damaged.")
    return events[0].identity
