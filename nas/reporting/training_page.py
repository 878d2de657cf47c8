"""report.html of a training: its curves, what it was fed, what it finds, its settings, on one page in one file."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from nas.disk import replacing
from nas.reporting.configuration import flatten
from nas.reporting.markup import details, figure, note, section, table
from nas.reporting.style import STYLE
from nas.reporting.training_figures import draw_training
from nas.training.log import Row
from nas.words import duration, moment, number, printable

SHOWN = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "ap_small": "small", "ap_medium": "medium", "ap_large": "large"}


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """What is shown of a training.

    Attributes:
        name: what the run is called.
        state: a sentence: under way, over and why.
        notes: sentences about how it is trained and measured.
        rows: of metrics.csv.
        steps: in all, as planned now.
        pictures: title -> a picture file, in order; what is not there is left out.
        settings, provenance: as recorded.
    """

    name: str
    state: str
    notes: Sequence[str]
    rows: Sequence[Row]
    steps: int
    pictures: Mapping[str, Path]
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]


def write_training_report(report: TrainingReport, folder: Path) -> Path:
    """Write ``report.html`` and ``metrics.png`` into the run folder; earlier ones are replaced in one step.

    Raises:
        FileError: one cannot be written.
    """
    with replacing(folder / "metrics.png") as temporary:
        draw_training(report.rows, temporary)
    path = folder / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(printable(render_training_report(report)), encoding="utf-8")
    return path


def render_training_report(report: TrainingReport) -> str:
    """The page as HTML; everything that comes from settings and data is escaped."""
    name = escape(report.name)
    parts = [
        f'<header>\n<h1>{name}</h1>\n<p class="state">{escape(report.state)}</p>\n</header>',
        _numbers(report),
        note(report.notes) if report.notes else "",
        section("Curves", figure(lambda path, theme: draw_training(report.rows, path, theme), "Over the steps.")),
        *(section(title, _picture(path, title)) for title, path in report.pictures.items() if path.is_file()),
        details("Configuration", table(flatten(report.settings))),
        details("Provenance", table(flatten(report.provenance))),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name}: training</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + f"\n<footer>Written {moment(time.time())}.</footer>\n</body>\n</html>\n"
    )


def _numbers(report: TrainingReport) -> str:
    """The best validation in numbers, and how far the training is."""
    measured = [row for row in report.rows if "ap" in row]
    facts: list[tuple[str, str]] = []
    if measured:
        best = max(measured, key=lambda row: row["ap"])
        facts += [(label, number(best[name])) for name, label in SHOWN.items() if best.get(name, -1) >= 0]
        facts.append(("best after step", f"{best['step']:,.0f}"))
    if report.rows:
        last = report.rows[-1]
        facts += [("steps", f"{last['step']:,.0f} of {report.steps:,}"), ("epochs", f"{last['epoch']:.1f}")]
        facts.append(("time", duration(last["seconds"])))
    rows = "".join(f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>" for label, value in facts)
    return f'<dl class="numbers">{rows}</dl>' if facts else ""


def _picture(path: Path, title: str) -> str:
    kind = "jpeg" if path.suffix == ".jpg" else "png"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f'<figure class="wide"><img src="data:image/{kind};base64,{data}" alt="{escape(title)}"></figure>'
