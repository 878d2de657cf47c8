"""AP against cost as a figure: every point, the front, its knee, and the limit that was asked for.

The cost is that of full-size detectors or, where these were not counted, of the proxy's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.engine.record import Run
from nas.reporting.canvas import BEST, canvas, dots, finish, say_empty
from nas.reporting.recommendation import Axis, Point, front, knee, limits, points, proxy_points
from nas.words import one_line
from search_spaces.drawing import LIGHT, Theme
from search_spaces.matplotlib_style import plain_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WORDS: dict[Axis, str] = {
    "multiply_adds": "multiply-adds per image of the full-size detector",
    "milliseconds": "milliseconds per image of the full-size detector",
}
OF_THE_PROXY = "multiply-adds per image of the proxy's detector"


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a front in the units of its axes, and what is written beside it."""

    label: str
    cost: float
    ap: float


@plain_style()
def draw_fronts(run: Run, path: str | Path, theme: Theme = LIGHT, axis: Axis = "multiply_adds") -> None:
    """AP on the proxy task against one cost of the full-size detector, with front, references, knee and limit.

    Against that of the proxy's detector, without knee and limit, where no full-size one was counted.
    """
    counted = points(run)
    every = counted or proxy_points(run)
    shown = [point for point in every if axis == "multiply_adds" or point.milliseconds is not None]
    scale, unit = unit_of([point.cost(axis) for point in shown])
    figure, axes = canvas(theme, f"{WORDS[axis] if counted else OF_THE_PROXY}{unit}", "AP on the proxy task")
    if shown:
        _draw_points(axes, shown, axis, scale, theme)
        _draw_front(axes, front(shown, axis), axis, scale, theme, with_knee=bool(counted))
        if counted and (bound := limits(run).get(axis)) is not None:
            axes.axvline(bound / scale, color=theme.output, linewidth=1.2, linestyle="--", zorder=1, label="limit")
    else:
        say_empty(axes, theme, "no detector was measured yet")
    finish(figure, axes, path, theme)


def _draw_points(axes: Axes, shown: Sequence[Point], axis: Axis, scale: float, theme: Theme) -> None:
    samples = [point for point in shown if not point.is_reference]
    references = [point for point in shown if point.is_reference]
    dots(axes, [point.cost(axis) / scale for point in samples], [point.ap for point in samples], "sample")
    if references:
        xs, ys = [point.cost(axis) / scale for point in references], [point.ap for point in references]
        axes.scatter(xs, ys, s=46, marker="D", color=theme.quiet, linewidths=0, zorder=3, label="reference")
        for point, x, y in zip(references, xs, ys):
            _write(axes, one_line(point.name), x, y, theme, below=True)


def _draw_front(axes: Axes, of_front: Sequence[Point], axis: Axis, scale: float, theme: Theme, with_knee: bool) -> None:
    """A front as steps, with names beside its points where there is room."""
    marks = [Mark("" if point.is_reference else point.name, point.cost(axis) / scale, point.ap) for point in of_front]
    costs, aps = [mark.cost for mark in marks], [mark.ap for mark in marks]
    axes.step(costs, aps, where="post", color=BEST, linewidth=1.6, zorder=3)
    axes.scatter(costs, aps, s=42, color=BEST, edgecolors=theme.paper, linewidths=1.0, zorder=4, label="front")
    for mark in _apart(axes, marks):
        _write(axes, mark.label, mark.cost, mark.ap, theme)
    if with_knee and (best := knee(of_front, axis)) is not None:
        axes.scatter(
            [best.cost(axis) / scale],
            [best.ap],
            s=150,
            facecolors="none",
            edgecolors=BEST,
            linewidths=1.8,
            zorder=5,
            label="knee",
        )


def unit_of(values: Sequence[float]) -> tuple[float, str]:
    """A divisor that makes the largest value a short number, and its name in brackets."""
    largest = max(values, default=0.0)
    for scale, name in ((1e9, "billion"), (1e6, "million")):
        if largest >= scale:
            return scale, f" ({name})"
    return 1.0, ""


def _write(axes: Axes, text: str, x: float, y: float, theme: Theme, below: bool = False) -> None:
    axes.annotate(
        text,
        (x, y),
        xytext=(0, -14 if below else 7),
        textcoords="offset points",
        ha="center",
        color=theme.quiet if below else theme.ink,
        fontsize=9,
        zorder=5,
    )


def _apart(axes: Axes, marks: Sequence[Mark]) -> list[Mark]:
    """Marks whose labels do not overlap: from the best AP down, those too close to an earlier one are left out."""
    kept: list[Mark] = []
    width, height = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
    for mark in reversed(marks):
        if all(abs(mark.cost - one.cost) > 0.05 * width or abs(mark.ap - one.ap) > 0.07 * height for one in kept):
            kept.append(mark)
    return kept
