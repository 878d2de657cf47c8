"""The curves of a training: losses, learning rate and AP against the steps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.reporting.canvas import BEST, SAMPLE, SIZE, new_figure, save, say_empty, style
from nas.training.log import LOSS, Row
from search_spaces.drawing import LIGHT, Theme
from search_spaces.matplotlib_style import plain_style

PANEL_HEIGHT = 2.3  # inches
MEASURED = {"ap": "AP", "ap50": "AP50", "ap75": "AP75", "mask_ap": "AP of masks"}
COLOURS = (SAMPLE, BEST, "#45a992", "#9b6bbd", "#e0a93b", "#c8605a")


@plain_style()
def draw_training(rows: Sequence[Row], path: str | Path, theme: Theme = LIGHT) -> None:
    """Three panels over the steps: the loss with its terms, what was measured, the learning rate."""
    figure = new_figure(theme, (SIZE[0], 3 * PANEL_HEIGHT))
    terms = sorted({name for row in rows for name in row if name.startswith(LOSS)})
    panels = (
        ("loss", {"loss": "all", **{name: name.removeprefix(LOSS) for name in terms}}),
        ("validation", MEASURED),
        ("learning rate", {"learning_rate": ""}),
    )
    for at, (title, names) in enumerate(panels, start=1):
        axes = figure.add_subplot(3, 1, at, facecolor=theme.paper)
        style(axes, theme)
        axes.set_title(title, color=theme.ink, fontsize=10.5, loc="left")
        drawn = [(label, points) for name, label in names.items() if (points := _points(rows, name))]
        for (label, points), colour in zip(drawn, COLOURS):
            marker = "o" if title == "validation" else ""
            axes.plot(*zip(*points), color=colour, linewidth=1.6, marker=marker, markersize=3.5, label=label)
        if not drawn:
            say_empty(axes, theme, "nothing yet")
        elif len(drawn) > 1:
            place: dict[str, Any] = {"loc": "lower right", "bbox_to_anchor": (1, 1), "ncols": len(drawn)}
            axes.legend(fontsize=9, labelcolor=theme.ink, frameon=False, **place)
    axes.set_xlabel("step", color=theme.quiet, fontsize=10, loc="right")
    save(figure, path, theme)


def _points(rows: Sequence[Row], name: str) -> list[tuple[float, float]]:
    """(step, value); what could not be measured, -1, is left out."""
    return [(row["step"], row[name]) for row in rows if row.get(name, -1.0) >= 0]
