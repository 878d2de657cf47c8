"""Figures of a run, each a pure function of the record: (run, path) in, a .png or .svg file out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.engine.record import Run, TrialRecord, TrialState
from nas.reporting.summary import FAILURES, CostPoint, cost_points, pareto_front, running_mean, samples, window_size
from search_spaces.drawing import LIGHT, Theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAMPLE = "#4a86c8"
BEST = "#e07b39"
PHASES = ("#4a86c8", "#45a992", "#e0a93b", "#9b6bbd", "#c8605a", "#7d8791")
SIZE = (8.6, 3.9)
MOST_BARS = 60
MOST_VECTOR_DOTS = 1500


def draw_rewards(run: Run, path: str | Path, theme: Theme = LIGHT) -> None:
    """The reward curve: every sample a dot, the running mean, the best so far, failed trials at the bottom edge."""
    figure, axes = _canvas(theme, "trial", "reward")
    measured = samples(run)
    failed = [trial.number for trial in run.trials if trial.state in FAILURES]
    numbers = [sample.trial.number for sample in measured]
    rewards = [sample.reward for sample in measured]
    if measured:
        window = window_size(len(rewards))
        _dots(axes, numbers, rewards, "sample")
        axes.plot(
            numbers,
            running_mean(rewards, window),
            color=theme.ink,
            linewidth=1.8,
            zorder=4,
            label=f"mean of the last {window}",
        )
        best = np.maximum.accumulate(rewards)
        end = max(trial.number for trial in run.trials)
        axes.step(
            [*numbers, end],
            [*best, best[-1]],
            where="post",
            color=BEST,
            linewidth=1.8,
            zorder=3,
            label=f"best so far ({best[-1]:.3f})",
        )
    if failed:
        _mark_failures(axes, failed, theme)
    if not measured and not failed:
        _say_empty(axes, theme, "no trial has finished yet")
    _finish(figure, axes, path, theme)


def draw_costs(run: Run, path: str | Path, theme: Theme = LIGHT) -> None:
    """AP against multiply-adds of one proxy image, with the Pareto front and its trial numbers."""
    points = cost_points(run)
    scale, unit = _unit([point.multiply_adds for point in points])
    figure, axes = _canvas(theme, f"multiply-adds per image{unit}", "AP on the proxy task")
    if points:
        _dots(axes, [point.multiply_adds / scale for point in points], [point.ap for point in points], "sample")
        _draw_front(axes, points, scale, theme)
    else:
        _say_empty(axes, theme, "no trial has an AP yet")
    _finish(figure, axes, path, theme)


def _draw_front(axes: Axes, points: Sequence[CostPoint], scale: float, theme: Theme) -> None:
    front = pareto_front(points)
    costs, aps = [point.multiply_adds / scale for point in front], [point.ap for point in front]
    axes.step(costs, aps, where="post", color=BEST, linewidth=1.6, zorder=3)
    axes.scatter(
        costs,
        aps,
        s=42,
        color=BEST,
        edgecolors=theme.paper,
        linewidths=1.0,
        zorder=4,
        label="Pareto front, with trial numbers",
    )
    for point, cost, ap in _apart(axes, list(zip(front, costs, aps))):
        axes.annotate(
            str(point.number),
            (cost, ap),
            xytext=(0, 7),
            textcoords="offset points",
            ha="center",
            color=theme.ink,
            fontsize=9,
            zorder=5,
        )


def _apart(axes: Axes, marks: list[tuple[CostPoint, float, float]]) -> list[tuple[CostPoint, float, float]]:
    """Marks whose labels do not overlap; from the best AP down, one too close to an earlier one is left out."""
    kept: list[tuple[CostPoint, float, float]] = []
    width, height = np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())
    for mark in reversed(marks):
        if all(abs(mark[1] - x) > 0.05 * width or abs(mark[2] - y) > 0.07 * height for _, x, y in kept):
            kept.append(mark)
    return kept


def draw_seconds(run: Run, path: str | Path, theme: Theme = LIGHT) -> None:
    """Seconds per trial by phase, stacked; with many trials, one bar is the mean of consecutive ones."""
    tried = (trial for trial in run.trials if trial.state is not TrialState.DUPLICATE)
    timed = [trial for trial in tried if trial.measurement and trial.measurement.seconds]
    per_bar = max(1, -(-len(timed) // MOST_BARS))
    groups = [timed[start : start + per_bar] for start in range(0, len(timed), per_bar)]
    together = f" (mean of {per_bar} a bar)" if per_bar > 1 else ""
    figure, axes = _canvas(theme, f"trial{together}", "seconds per trial")
    if groups:
        positions = [float(np.mean([trial.number for trial in group])) for group in groups]
        width = 0.82 * (min(np.diff(positions)) if len(positions) > 1 else 1.0)
        floor = np.zeros(len(groups))
        for at, phase in enumerate(_phases(timed)):
            heights = np.array([np.mean([_seconds(trial, phase) for trial in group]) for group in groups])
            axes.bar(positions, heights, width, bottom=floor, color=PHASES[at % len(PHASES)], label=phase, zorder=2)
            floor += heights
        axes.set_xlim(positions[0] - max(width, 1.0), positions[-1] + max(width, 1.0))
    else:
        _say_empty(axes, theme, "no trial has been timed yet")
    _finish(figure, axes, path, theme)


def _canvas(theme: Theme, xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    """A figure on its own canvas; nothing of pyplot's global state is touched."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=SIZE, facecolor=theme.paper, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(facecolor=theme.paper)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(theme.quiet)
    axes.grid(axis="y", color=theme.grid, linewidth=0.9)
    axes.set_axisbelow(True)
    axes.tick_params(colors=theme.quiet, labelcolor=theme.ink, length=0, labelsize=10, pad=5)
    axes.set_xlabel(xlabel, color=theme.quiet, fontsize=10.5, loc="right")
    axes.set_ylabel(ylabel, color=theme.quiet, fontsize=10.5, loc="top")
    if xlabel.startswith("trial"):
        axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    return figure, axes


def _dots(axes: Axes, xs: Sequence[float], ys: Sequence[float], label: str) -> None:
    """Dots that get smaller as they get more; very many are one bitmap, which keeps an SVG small."""
    size = float(np.clip(4000 / max(len(xs), 1), 6, 34))
    axes.scatter(
        xs,
        ys,
        s=size,
        color=SAMPLE,
        alpha=0.65 if len(xs) < 300 else 0.35,
        linewidths=0,
        zorder=2,
        label=label,
        rasterized=len(xs) > MOST_VECTOR_DOTS,
    )


def _mark_failures(axes: Axes, numbers: Sequence[int], theme: Theme) -> None:
    """A cross at the bottom edge per failed trial; fainter when they are many."""
    axes.scatter(
        numbers,
        [0.025] * len(numbers),
        transform=axes.get_xaxis_transform(),
        marker="x",
        s=28,
        linewidths=1.4,
        color=theme.output,
        alpha=1.0 if len(numbers) < 60 else 0.3,
        zorder=5,
        label=f"failed ({len(numbers):,})",
    )


def _say_empty(axes: Axes, theme: Theme, text: str) -> None:
    axes.set(xticks=[], yticks=[], xlabel="", ylabel="")
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=theme.quiet, fontsize=13)


def _finish(figure: Figure, axes: Axes, path: str | Path, theme: Theme) -> None:
    from matplotlib.collections import PathCollection

    handles, labels = axes.get_legend_handles_labels()
    if handles:
        place: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (-0.01, 1.0),
            "ncols": len(handles),
            "columnspacing": 1.5,
        }
        legend = axes.legend(handles, labels, fontsize=10, labelcolor=theme.ink, frameon=False, **place)
        for handle in legend.legend_handles:
            if isinstance(handle, PathCollection):
                handle.set(sizes=[30], alpha=0.8)
    figure.savefig(path, dpi=150, facecolor=theme.paper)


def _unit(values: Sequence[float]) -> tuple[float, str]:
    """A divisor that makes the largest value a short number, and its name in brackets."""
    largest = max(values, default=0.0)
    for scale, name in ((1e9, "billion"), (1e6, "million")):
        if largest >= scale:
            return scale, f" ({name})"
    return 1.0, ""


def _phases(trials: Sequence[TrialRecord]) -> list[str]:
    """Names of the phases in the order in which they first occur."""
    return list(dict.fromkeys(phase for trial in trials if trial.measurement for phase in trial.measurement.seconds))


def _seconds(trial: TrialRecord, phase: str) -> float:
    return trial.measurement.seconds.get(phase, 0.0) if trial.measurement else 0.0
