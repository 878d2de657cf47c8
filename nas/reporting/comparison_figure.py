"""The figure of a comparison with random search."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nas.reporting.canvas import BEST, SAMPLE, canvas, count_on_x, finish, say_empty
from nas.reporting.comparison import Comparison
from search_spaces.drawing import LIGHT, Theme
from search_spaces.matplotlib_style import plain_style


@plain_style()
def draw_best_so_far(found: Comparison, path: str | Path, theme: Theme = LIGHT) -> None:
    """The best reward so far after every sample of both, at equal budget."""
    figure, axes = canvas(theme, "complete samples", "best reward so far")
    count_on_x(axes)
    names = (
        ("this search", "random search") if found.baseline is not None else ("its last samples", "its first, uniform")
    )
    for rewards, name, colour in zip((found.own, found.random), names, (BEST, SAMPLE)):
        if rewards:
            best = np.maximum.accumulate(rewards)
            axes.step(
                range(1, len(best) + 1),
                best,
                where="post",
                color=colour,
                linewidth=1.8,
                label=f"{name} ({best[-1]:.3f})",
                marker="o" if len(best) == 1 else "",
            )
    if not found.own:
        say_empty(axes, theme, "there are no two samples to compare yet")
    finish(figure, axes, path, theme)
