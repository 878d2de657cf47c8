"""Counts as horizontal bars of HTML, with labels of any script; colours are those of the page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

BARS_STYLE = """
.bars { width: 100%; } .bars td { padding-block: 0.2rem; border: 0; }
.bars td:first-child { max-width: 16rem; overflow-wrap: anywhere; }
.bars td:nth-child(2) { width: 60%; }
.bar { display: block; height: 0.8rem; min-width: 1px; background: var(--accent); border-radius: 2px; }
"""


def bars(rows: Sequence[tuple[str, int]], notes: Sequence[str] = ()) -> str:
    """A bar for each (label, count), the longest over the whole width; a note may stand after each count."""
    most = max((count for _, count in rows), default=0) or 1
    lines = []
    for at, (label, count) in enumerate(rows):
        note = f'<td class="right quiet">{escape(notes[at])}</td>' if notes else ""
        bar = f'<span class="bar" style="width:{100 * count / most:.2f}%"></span>' if count else ""
        lines.append(f'<tr><td>{escape(label)}</td><td>{bar}</td><td class="right">{count:,}</td>{note}</tr>')
    return f'<div class="scroll"><table class="bars">{"".join(lines)}</table></div>'
