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
from nas.reporting.answer import Answer, Contender, answer, longer_words
from nas.reporting.comparison import compare, comparison_sentences
from nas.reporting.recommendation import Point, Recommendation, recommend
from nas.reporting.sentences import comparisons, cost_text, estimate_text
from nas.reporting.summary import Summary
from nas.words import duration, number, one_line, plural, short_count
from search_spaces.base import SearchSpace
from search_spaces.errors import SearchError


def announce(config: Config, space: SearchSpace, folder: Path) -> None:
    """What is searched, and how to follow it."""
    paper_size = space.paper_size()
    beside = f" beside {', '.join(config['references'])}" if config.get("references") else ""
    by_the_paper = "" if paper_size is None else f"; by the paper's formula {paper_size:.3g}"
    print(
        f"searching space {space.name} ({space.size():.3g} decision sequences{by_the_paper}) with controller "
        f"{config['controller']['name']} and proxy {config['proxy']['name']} for {config['samples']} samples{beside}\n"
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
    """Why the search is over, what was written, whether it beats random, the winner and the references, what is next.

    Args:
        baseline: the random search that it is compared with, where there is one.

    Raises:
        SearchError: nothing could be evaluated, or nothing meets the limits of ``recommend``.
    """
    summary, found, recommended = summarise(run), answer(run), recommend(run)
    print(f"\nthe search is over: {reason}")
    print(f"time {duration(summary.wall_seconds)}; written to {folder}: {', '.join(path.name for path in written)}")
    if found.best is None:
        raise SearchError(_why_nothing(summary, folder))
    print(comparison_sentences(run, compare(run, baseline))[0])
    for line in (*_best_lines(found), *_reference_lines(found), *comparisons(found)):
        print(line)
    if recommended is not None and recommended.point is None:
        raise SearchError(f"recommend: {recommended.why} Everything else is written to {folder}.")
    if recommended is not None and recommended.point is not None:
        print(_recommendation_line(recommended, recommended.point))
    print(f"next: {command_line('nas.compile', arch=folder / 'best.json')}")


def _best_lines(found: Answer) -> list[str]:
    """The winner with what it costs, or the best trial where no finalists have chosen."""
    best, winner = found.best, found.winner
    assert best is not None
    if winner is None:
        value = best.trial.measurement.value if best.trial.measurement else None
        traded = "" if value == best.reward else f", reward {number(best.reward, 4)}"
        said = f"{found.value_name} {number(value, 4)}{traded}"
        return [f"best: trial {best.trial.number}, {said} ({best.trial.fingerprint})"]
    by = "further seeds" if winner.final else "the seeds that chose it"
    longer = f"{longer_words(found.times)} and " if found.times > 1 else ""
    measured = f"{found.chosen_name} {estimate_text(found.chosen(winner).longer)} with {longer}{by}"
    lines = [
        f"winner of {plural(len(found.finalists), 'finalist')}: {winner.name}, {measured}{_ap_beside(found, winner)}"
    ]
    if cost := cost_text(winner.cost):
        lines.append(f"as a full-size detector it has {cost} for an image of {_side(winner)} px")
    return lines


def _side(contender: Contender) -> int:
    return contender.cost.image_size if contender.cost else 0


def _reference_lines(found: Answer) -> list[str]:
    """Each reference: as the winner where it was trained as long, else at the budget of a trial."""
    lines = []
    for one in found.references:
        cost = f"; {text}" if (text := cost_text(one.cost)) else ""
        measured = f"{found.chosen_name} {number(found.chosen(one).as_trial)} at the budget of a trial"
        if found.winner is not None and one.ap.longer is not None:
            measured = f"{found.chosen_name} {estimate_text(found.chosen(one).longer)} likewise{_ap_beside(found, one)}"
        lines.append(f"{one_line(one.name)}: {measured}{cost}")
    return lines


def _ap_beside(found: Answer, one: Contender) -> str:
    """AP with the longer training, where all was chosen by something else."""
    return f", {found.value_name} {estimate_text(one.ap.longer)}" if found.by_reward else ""


def _recommendation_line(found: Recommendation, point: Point) -> str:
    milliseconds = "" if point.milliseconds is None else f", {point.milliseconds:,.0f} ms"
    longer = "" if found.longer is None else f" and {number(found.longer)} with {longer_words(found.times)}"
    return (
        f"recommended: {one_line(point.name)}, {found.why}: AP {number(point.ap)} at the budget of a trial{longer}, "
        f"{short_count(point.multiply_adds)} multiply-adds{milliseconds} (recommended.json)"
    )


def _why_nothing(summary: Summary, folder: Path) -> str:
    reason, count = summary.failures[0] if summary.failures else ("nothing was proposed", 0)
    often = f"{count} of {sum(summary.counts.values())} trials"
    return (
        f"no architecture could be evaluated. The most frequent reason ({often}): {reason.rstrip('.')}. "
        f"All reasons are in {folder / 'report.html'}."
    )
