"""The table and the picture of an audit, from its rows alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.disk import replacing
from nas.reporting.canvas import BEST, SAMPLE, new_figure, save, style
from nas.statistics import Interval
from nas.studies.agreement import Agreement
from nas.studies.audit import REFERENCE
from nas.studies.candidates import PAPER_AP
from nas.studies.rows import Row
from search_spaces.drawing import LIGHT, Theme
from search_spaces.matplotlib_style import plain_style

HEADINGS = (
    *("proxy", "architectures", "Kendall (95 %)", "Spearman", "best half (95 %)", "top quarter (95 %)"),
    *("between seeds (95 %)", "ICC (95 %)", "core seconds", "published in order"),
)
PANELS_A_ROW = 3
PANEL = (3.3, 2.9)  # inches


def audit_table(agreements: Sequence[Agreement]) -> str:
    """A Markdown table with a row for every reading; the reference is compared with nothing but its own seeds."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *map(_cells, agreements)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def write_audit(rows: Sequence[Row], agreements: Sequence[Agreement], folder: Path) -> tuple[Path, ...]:
    """Write ``table.md``, ``summary.json`` and ``audit.png``, and return their paths.

    Raises:
        FileError: a file cannot be written.
    """
    sessions = [row for row in rows if "settings" in row]
    summary: dict[str, Any] = {
        "readings": [agreement.to_dict() for agreement in agreements],
        "paper_ap": dict(PAPER_AP),
        "sessions": [{key: value for key, value in row.items() if key != "settings"} for row in sessions],
    }
    texts = {"table.md": audit_table(agreements) + "\n", "summary.json": json.dumps(summary, indent=1) + "\n"}
    for name, text in texts.items():
        with replacing(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    with replacing(folder / "audit.png") as temporary:
        draw_audit(agreements, temporary)
    return tuple(folder / name for name in (*texts, "audit.png"))


@plain_style()
def draw_audit(agreements: Sequence[Agreement], path: str | Path, theme: Theme = LIGHT) -> None:
    """A panel for every reading: its mean for each architecture against the reference's, published ones named."""
    truth = next((one.reading.means() for one in agreements if one.reading.name == REFERENCE), {})
    shown = [one for one in agreements if one.reading.name != REFERENCE and one.architectures]
    rows = max(1, -(-len(shown) // PANELS_A_ROW))
    figure = new_figure(theme, (PANEL[0] * PANELS_A_ROW, PANEL[1] * rows))
    for at, agreement in enumerate(shown, start=1):
        axes = figure.add_subplot(rows, PANELS_A_ROW, at, facecolor=theme.paper)
        style(axes, theme)
        axes.set_title(f"{agreement.reading.name}: {_number(agreement.kendall.estimate)}", fontsize=9.5, loc="left")
        means = agreement.reading.means()
        names = [name for name in truth if name in means]
        colours = [BEST if name in PAPER_AP else SAMPLE for name in names]
        axes.scatter([means[name] for name in names], [truth[name] for name in names], s=22, c=colours, linewidths=0)
        for name in set(names) & set(PAPER_AP):
            axes.annotate(name, (means[name], truth[name]), xytext=(3, 3), textcoords="offset points", fontsize=7)
        axes.tick_params(labelsize=8)
        if (at - 1) % PANELS_A_ROW == 0:
            axes.set_ylabel("reference", color=theme.quiet, fontsize=9)
    figure.suptitle("Kendall's correlation with the reference", color=theme.quiet, fontsize=10)
    save(figure, path, theme)


def _cells(agreement: Agreement) -> tuple[str, ...]:
    is_reference = agreement.reading.name == REFERENCE
    compared = (
        _with_ends(agreement.kendall),
        _number(agreement.spearman.estimate),
        _with_ends(agreement.kendall_best_half),
        _with_ends(agreement.top_quarter),
    )
    seconds = agreement.reading.core_seconds
    return (
        agreement.reading.name + (f" ({agreement.reading.failed} failed)" if agreement.reading.failed else ""),
        str(agreement.architectures),
        *(("",) * 4 if is_reference else compared),
        _with_ends(agreement.seeds_spearman),
        _with_ends(agreement.icc),
        "" if seconds is None else f"{seconds:,.1f}",
        ("yes" if agreement.in_order else "no: ") + ("" if agreement.in_order else ", ".join(agreement.published)),
    )


def _with_ends(value: Interval) -> str:
    if value.estimate != value.estimate:
        return ""
    return f"{_number(value.estimate)} ({_number(value.low)} to {_number(value.high)})"


def _number(value: float) -> str:
    return "" if value != value else f"{value:.2f}"
