"""The ledger of a run as a reader sees it: a sentence, a bar, a table."""

from __future__ import annotations

from pathlib import Path

from nas.engine.ledger import PARTS, Ledger, ledger
from nas.engine.record import Run
from nas.reporting.canvas import new_figure, save
from nas.reporting.markup import figure, row
from nas.words import duration
from search_spaces.drawing import LIGHT, Theme
from search_spaces.matplotlib_style import plain_style

COLOURS = dict(zip(PARTS, ("#4a86c8", "#45a992", "#e0a93b", "#9b6bbd", "#b3bac1")))
MEANINGS = {
    "training": "optimiser steps",
    "evaluation": "detecting in the reserved images, and COCO's numbers; the score of a prefilter",
    "data": "waiting for images, in training and in evaluation",
    "engine": "starting, building detectors, handing out, recording; trials that were lost, cut off or are under way; "
    "at the end counting, timing and drawing",
    "idle": "nothing was left to hand out",
}
SIZE = (8.6, 1.2)  # inches


def ledger_html(run: Run) -> str:
    """Where the workers' wall time went, as HTML; empty before the first result."""
    found = ledger(run)
    if not found.worker_seconds:
        return ""
    header = row([("part", ""), ("time", "right"), ("share", "right"), ("what it is", "")], "th")
    body = "\n".join(row(cells, "td") for cells in _rows(found))
    table = f'<div class="scroll"><table><thead>{header}</thead><tbody>{body}</tbody></table></div>'
    return figure(lambda path, theme: draw_ledger(found, path, theme), ledger_sentence(found)) + table


def ledger_sentence(found: Ledger) -> str:
    """How much time there was to account for, and whether clocks differed."""
    workers = found.worker_seconds / found.wall_seconds
    text = (
        f"The wall time of {duration(found.wall_seconds)}, from when the command was given to its end, "
        f"times {workers:.3g} worker{'s' if workers != 1 else ''} is {duration(found.worker_seconds)}; the parts add "
        "up to it."
    )
    if found.beyond > 0.01 * found.worker_seconds:
        text += f" Trials claim {duration(found.beyond)} more than they had room for: the machines' clocks differ."
    return text


def _rows(found: Ledger) -> list[list[tuple[str, str]]]:
    """A row of the table for each part, and their sum."""
    parts = [(part, found.seconds[part], MEANINGS[part]) for part in PARTS]
    total = ("sum", sum(found.seconds.values()), "")
    return [
        [(name, ""), (duration(value), "right"), (f"{value / found.worker_seconds:.1%}", "right"), (meaning, "small")]
        for name, value, meaning in (*parts, total)
    ]


@plain_style()
def draw_ledger(found: Ledger, path: str | Path, theme: Theme = LIGHT) -> None:
    """One bar, as long as the workers' wall time, cut into the parts."""
    drawing = new_figure(theme, SIZE)
    axes = drawing.add_subplot(facecolor=theme.paper)
    axes.set(xlim=(0, 1), xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    left = 0.0
    for part in PARTS:
        share = found.seconds[part] / found.worker_seconds if found.worker_seconds else 0.0
        axes.barh(0, share, left=left, color=COLOURS[part], height=1.0, label=f"{part} {share:.0%}")
        left += share
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 1.0),
        ncols=len(PARTS),
        frameon=False,
        fontsize=10,
        labelcolor=theme.ink,
    )
    save(drawing, path, theme)
