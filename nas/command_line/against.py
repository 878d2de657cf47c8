"""The random search that a run is compared with: ``against=DIR``, or one beside the run folder."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import NoneType

from nas.engine.baseline import Baseline, found_baseline, given_baseline
from nas.engine.events import Json
from nas.engine.record import Run
from search_spaces.errors import NasError
from search_spaces.settings import of_type


def check_against(against: object, identity: Json, recorded: object = None) -> tuple[str, ...]:
    """Check that the folder given with ``against``, if any, holds what a search of that identity can be compared with.

    One that was ``recorded`` when the search was begun need not be there any more; a sentence then says so.

    Raises:
        ConfigError: it is no path.
        RecordError: it holds no such search.
    """
    of_type("against", against, str, NoneType)
    try:
        if isinstance(against, str):
            given_baseline(Path(against), identity)
    except NasError as error:
        if against != recorded:
            raise
        return (f"the random search that this one was to be compared with cannot be used any more: {error}",)
    return ()


def baseline_of(run: Run, folder: Path, against: object = None) -> Baseline | None:
    """The random search that a run is compared with: the given one, the one given to the search if it is still there,
    or the one with the most samples beside the run folder.

    Raises:
        ConfigError: ``against`` is no path.
        RecordError: it holds no search that the run can be compared with.
    """
    of_type("against", against, str, NoneType)
    if not run.sessions:
        return None
    session = run.sessions[-1]
    if isinstance(against, str):
        return given_baseline(Path(against), session.identity)
    if isinstance(recorded := session.config.get("against"), str):
        with suppress(NasError):
            return given_baseline(Path(recorded), session.identity)
    return found_baseline(folder, session.identity)
