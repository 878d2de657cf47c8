"""What a record says of the checks of its search: under which settings they were made, and which are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.engine.check import Purpose, Reference
from nas.engine.finalists import wanted_checks
from nas.engine.record import Run
from nas.engine.settings import FinalistSettings, SearchSettings
from search_spaces.architecture import Architecture

REFERENCES = "references"
"""Where a session's provenance has its references, name -> :meth:`Architecture.to_dict`."""


def recorded_references(run: Run) -> dict[str, Architecture]:
    """The references of all sessions by name, of one name the latest; in older records those that were measured."""
    known = {}
    for session in run.sessions:
        for name, architecture in session.provenance.get(REFERENCES, {}).items():
            known[name] = Architecture.from_dict(architecture)
    measured = (done.check for done in run.checks if done.check.purpose is Purpose.REFERENCE)
    return {**{check.name: check.architecture for check in measured}, **known}


def recorded_settings(run: Run, session: int = -1) -> SearchSettings:
    """The settings of a session, by default the last, as far as they concern checks."""
    config = _config(run, session)
    if "finalists" not in config:  # of an earlier version, or without a session
        return SearchSettings(samples=1)
    known = recorded_references(run)
    return SearchSettings(
        samples=config["samples"],
        seed=config["seed"],
        references=tuple(Reference(name, known[name]) for name in config["references"] if name in known),
        finalists=FinalistSettings(**config["finalists"]),
    )


def checks_left(run: Run, session: int = -1) -> int:
    """How many checks were missing when a session, by default the last, had recorded all that it did.

    Of finalists that have not chosen a winner yet, its final checks are not among them.
    """
    settings, last = recorded_settings(run, session), session % len(run.sessions) if run.sessions else 0
    trials = [trial for trial in run.trials if trial.session <= last]
    checks = [done for done in run.checks if done.session <= last]
    known = {done.check.key for done in checks}
    missing = sum(check.key not in known for check in wanted_checks(settings, trials, checks))
    return missing + len(_config(run, session).get("references", ())) - len(settings.references)


def _config(run: Run, session: int) -> Mapping[str, Any]:
    return run.sessions[session].config if run.sessions else {}
