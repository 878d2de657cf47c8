"""The sections of the report about the end of a search: winner, finalists and references, and the fronts."""

from __future__ import annotations

from functools import partial
from html import escape
from pathlib import Path

from nas.engine.record import Run
from nas.reporting.answer import Answer, Contender, longer_words
from nas.reporting.fronts import draw_fronts
from nas.reporting.markup import figure, note, row, section
from nas.reporting.recommendation import Axis, points, proxy_points, recommend
from nas.reporting.sentences import comparisons, cost_text, estimate_text
from nas.words import number, short_count
from search_spaces.drawing import Theme


def outcome(found: Answer) -> str:
    """A table of winner, references and finalists, and whether the winner beats them; empty without checks."""
    rows = _rows(found)
    if not rows:
        return ""
    name, longer = found.chosen_name, longer_words(found.times)
    in_ap = [f"{found.value_name}, {longer}"] if found.by_reward else []
    columns = (f"{name} as a trial", f"{name}, {longer}", "winner's lead", *in_ap, "multiply-adds", "ms")
    header = row([("", ""), *((column, "right") for column in columns)], "th")
    body = "\n".join(rows)
    text = (
        "Intervals are 95 % (Student's t). The winner and the references were trained with the same further seeds, "
        f"which have chosen nothing; a finalist's {name} has chosen the winner. Costs are those of the full-size "
        "detector."
    )
    return section(
        "Winner, references, finalists",
        f'<div class="scroll"><table class="trials"><thead>{header}</thead><tbody>{body}</tbody></table></div>'
        f'<p class="quiet small">{escape(text)}</p>{_notes(found)}',
    )


def fronts(run: Run) -> str:
    """AP against multiply-adds and milliseconds of full-size detectors; of the proxy's where these were not counted."""
    every = points(run)
    if not every:
        if not proxy_points(run):
            return ""
        text = "Every complete trial. A trial on the front has no other that is both cheaper and better."
        return section("Accuracy against cost", figure(partial(_draw, run, "multiply_adds"), text))
    text = "Every complete trial and the references. A point on the front has no other that is both cheaper and better."
    body = figure(partial(_draw, run, "multiply_adds"), text)
    devices = sorted({cost.device for cost in run.costs if cost.device})
    if any(point.milliseconds is not None for point in every):
        body += figure(partial(_draw, run, "milliseconds"), f"Those that were timed, on {' and '.join(devices)}.")
    return section("Accuracy against cost", body + _recommended(run))


def _draw(run: Run, axis: Axis, path: Path, theme: Theme) -> None:
    draw_fronts(run, path, theme, axis)


def _recommended(run: Run) -> str:
    found = recommend(run)
    if found is None:
        return ""
    if found.point is None:
        return note([f"Nothing is recommended: {found.why}"], "note warning")
    return note([f"Recommended: {found.point.name}, {found.why}. It is in recommended.json."])


def _rows(found: Answer) -> list[str]:
    winner = [_row(found, f"{found.winner.name}, the winner", found.winner, "")] if found.winner else []
    references = [_row(found, one.name, one, _lead(found, one)) for one in found.references]
    others = [one for one in found.finalists if found.winner is None or one.name != found.winner.name]
    return winner + references + [_row(found, one.name, one, "") for one in others if one.ap.longer or one.errors]


def _row(found: Answer, name: str, one: Contender, lead: str) -> str:
    cost, measured = one.cost, found.chosen(one)
    cells = [
        number(measured.as_trial),
        estimate_text(measured.longer),
        lead,
        *([estimate_text(one.ap.longer)] if found.by_reward else []),
        short_count(cost.multiply_adds) if cost else number(None),
        number(cost.milliseconds if cost else None, 0),
    ]
    return row([(name, ""), *((cell, "right") for cell in cells)], "td")


def _lead(found: Answer, reference: Contender) -> str:
    difference = found.difference(reference)
    if difference is None or not difference.has_ends:
        return number(None) if difference is None else f"{difference.estimate:+.3f}"
    return f"{difference.estimate:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def _notes(found: Answer) -> str:
    said = comparisons(found)
    if found.winner is None and found.finalists:
        said.append("The finalists have not chosen a winner yet.")
    if found.winner is not None and (cost := cost_text(found.winner.cost)):
        said.append(f"As a full-size detector the winner has {cost} for an image.")
    for one in (*found.references, *found.finalists):
        said += [f"A check of {one.name} has no result: {error}" for error in one.errors]
    return note(said) if said else ""
