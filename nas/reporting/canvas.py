"""What the figures of a report share: paper, axes, dots, legend, and the colours of both themes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.drawing import Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAMPLE = "#4a86c8"
BEST = "#e07b39"
SIZE = (8.6, 3.9)  # inches
MOST_VECTOR_DOTS = 1500


def new_figure(theme: Theme, size: tuple[float, float] = SIZE) -> Figure:
    """An empty figure on its own canvas, ``size`` in inches; nothing of pyplot's global state is touched."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, facecolor=theme.paper, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def canvas(theme: Theme, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """A figure with one pair of axes; an x-axis that counts trials has whole numbers."""
    figure = new_figure(theme)
    axes = figure.add_subplot(facecolor=theme.paper)
    style(axes, theme)
    axes.set_xlabel(xlabel, color=theme.quiet, fontsize=10.5, loc="right")
    axes.set_ylabel(ylabel, color=theme.quiet, fontsize=10.5, loc="top")
    if xlabel.startswith("trial"):
        count_on_x(axes)
    return figure, axes


def style(axes: Axes, theme: Theme) -> None:
    """A light grid, no frame, labels in the colours of the theme."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(theme.quiet)
    axes.grid(axis="y", color=theme.grid, linewidth=0.9)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.quiet, labelcolor=theme.ink, length=0, labelsize=10, pad=5)


def count_on_x(axes: Axes) -> None:
    """Whole numbers on the x-axis."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))


def dots(axes: Axes, xs: Sequence[float], ys: Sequence[float], label: str, color: str = SAMPLE) -> None:
    """Dots that get smaller as their number grows; a great many become one bitmap, which keeps an SVG small."""
    size = float(np.clip(4000 / max(len(xs), 1), 6, 34))
    axes.scatter(
        xs,
        ys,
        s=size,
        color=color,
        alpha=0.65 if len(xs) < 300 else 0.35,
        linewidths=0,
        zorder=2,
        label=label,
        rasterized=len(xs) > MOST_VECTOR_DOTS,
    )


def say_empty(axes: Axes, theme: Theme, text: str) -> None:
    """A sentence in place of a picture."""
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=theme.quiet, fontsize=13)


def finish(figure: Figure, axes: Axes, path: str | Path, theme: Theme) -> None:
    """Put the legend above the picture, and save it."""
    from matplotlib.collections import PathCollection

    handles, labels = axes.get_legend_handles_labels()
    if handles:
        legend = axes.legend(
            handles,
            labels,
            fontsize=10,
            labelcolor=theme.ink,
            frameon=False,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=len(handles),
            columnspacing=1.5,
        )
        for handle in legend.legend_handles:
            if isinstance(handle, PathCollection):
                handle.set(sizes=[30], alpha=0.8)
    save(figure, path, theme)


def save(figure: Figure, path: str | Path, theme: Theme) -> None:
    """Write the figure in the format that the name of the file says."""
    figure.savefig(path, dpi=150, facecolor=theme.paper)
