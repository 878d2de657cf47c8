"""What a search says: at its start, when it is interrupted, and at its end."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from nas.command_line.config import Config
from nas.command_line.pasting import command_line
from nas.engine.baseline import Baseline
from nas.engine.events import SessionBegun
from nas.engine.older import is_older
from nas.engine.record import Run
from nas.engine.store import Store
from nas.reporting import summarise
from nas.reporting.comparison import compare, comparison_sentences
from nas.reporting.summary import Summary
from nas.words import duration, number
from search_spaces.base import SearchSpace
from search_spaces.errors import SearchError


def announce(config: Config, space: SearchSpace, folder: Path) -> None:
    """What is searched, and how to follow it."""
    paper_size = space.paper_size()
    by_the_paper = "" if paper_size is None else f"; by the paper's formula {paper_size:.3g}"
    print(
        f"searching space {space.name} ({space.size():.3g} decision sequences{by_the_paper}) with controller "
        f"{config['controller']['name']} and proxy {config['proxy']['name']} for {config['samples']} samples\n"
        f"run folder {folder}; follow it with: {command_line('nas.report', run=folder)}",
        flush=True,
    )


def warnings_of_age(config: Config, store: Store) -> tuple[str, ...]:
    """What differs between the trials of an older version and today's."""
    begun = [event.config for event in store.events if isinstance(event, SessionBegun)]
    if config["proxy"]["kind"] != "detection" or not any(map(is_older, begun)):
        return ()
    return (
        f"the search in {store.folder} was begun by an earlier version; its later trials are trained on another order "
        "of images than its earlier ones, and on other pixels where pictures have EXIF tags or more than 8 bits.",
    )


def say_interrupted(folder: Path) -> None:
    """How to go on: the settings of the search are in its record."""
    again = command_line("nas.search", "resume=true", run=folder)
    with suppress(OSError):  # the terminal may be closed
        print(f"interrupted; nothing evaluated is lost. To go on:\n  {again}", file=sys.stderr)


def conclude(run: Run, folder: Path, reason: str, written: tuple[Path, ...], baseline: Baseline | None = None) -> None:
    """Why the search is over, what was written, whether it beats random, the best architecture, what to do with it.

    Args:
        baseline: the random search that it is compared with, where there is one.

    Raises:
        SearchError: nothing could be evaluated.
    """
    summary = summarise(run)
    print(f"\nthe search is over: {reason}")
    print(f"time {duration(summary.wall_seconds)}; written to {folder}: {', '.join(path.name for path in written)}")
    if summary.best is None:
        raise SearchError(_why_nothing(summary, folder))
    print(comparison_sentences(run, compare(run, baseline))[0])
    trial, reward = summary.best.trial, number(summary.best.reward, 4)
    name = trial.measurement.value_name if trial.measurement else "reward"
    print(f"best: trial {trial.number}, {name} {reward} ({trial.fingerprint})")
    print(f"next: {command_line('nas.compile', arch=folder / 'best.json')}")


def _why_nothing(summary: Summary, folder: Path) -> str:
    reason, count = summary.failures[0] if summary.failures else ("nothing was proposed", 0)
    often = f"{count} of {sum(summary.counts.values())} trials"
    return (
        f"no architecture could be evaluated. The most frequent reason ({often}): {reason.rstrip('.')}. "
        f"All reasons are in {folder / 'report.html'}."
    )
