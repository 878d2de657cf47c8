"""Figures of a run. Each is a function of the record alone, which writes it to a .png or .svg file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.engine.check import Purpose
from nas.engine.record import Run
from nas.engine.trial import TrialRecord, TrialState
from nas.reporting.canvas import (
    BEST,
    SAMPLE,
    SIZE,
    canvas,
    count_on_x,
    dots,
    finish,
    new_figure,
    save,
    say_empty,
    style,
)
from nas.reporting.summary import (
    FAILURES,
    metric_series,
    running_mean,
    samples,
    stopped,
    window_size,
)
from nas.words import one_line
from search_spaces.drawing import LIGHT, Theme
from search_spaces.matplotlib_style import plain_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PHASES = ("#4a86c8", "#45a992", "#e0a93b", "#9b6bbd", "#c8605a", "#7d8791")
MOST_BARS = 60
MOST_MARKERS = 40
PANELS_A_ROW = 3
PANEL_HEIGHT = 2.3  # inches


@plain_style()
def draw_rewards(run: Run, path: str | Path, theme: Theme = LIGHT) -> None:
    """The reward curve: a dot for every sample, running mean, best so far, references; failed trials at the bottom.

    Trials that were stopped early have a grey dot.
    """
    figure, axes = canvas(theme, "trial", "reward")
    measured = samples(run)
    failed = [trial.number for trial in run.trials if trial.state in FAILURES]
    numbers = [sample.trial.number for sample in measured]
    rewards = [sample.reward for sample in measured]
    if measured:
        window = window_size(len(rewards))
        dots(axes, numbers, rewards, "sample")
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
        _draw_references(axes, run, theme)
    if early := stopped(run):
        dots(axes, [number for number, _ in early], [reward for _, reward in early], "stopped early", theme.quiet)
    if failed:
        _mark_failures(axes, failed, theme)
    if not measured and not failed and not early:
        say_empty(axes, theme, "no trial has finished yet")
    finish(figure, axes, path, theme)


@plain_style()
def draw_seconds(run: Run, path: str | Path, theme: Theme = LIGHT) -> None:
    """Seconds per trial by phase, stacked; with many trials, a bar is the mean of consecutive ones."""
    tried = (trial for trial in run.trials if trial.state is not TrialState.DUPLICATE)
    timed = [trial for trial in tried if trial.measurement and trial.measurement.seconds]
    per_bar = max(1, -(-len(timed) // MOST_BARS))
    groups = [timed[start : start + per_bar] for start in range(0, len(timed), per_bar)]
    together = f" (mean of {per_bar} a bar)" if per_bar > 1 else ""
    figure, axes = canvas(theme, f"trial{together}", "seconds per trial")
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
        say_empty(axes, theme, "no trial has been timed yet")
    finish(figure, axes, path, theme)


@plain_style()
def draw_metrics(run: Run, path: str | Path, theme: Theme = LIGHT) -> None:
    """What the controller reported: a small panel for each metric, over the number of trials answered so far."""
    series = metric_series(run)
    columns = min(PANELS_A_ROW, max(1, len(series)))
    rows = max(1, -(-len(series) // columns))
    figure = new_figure(theme, (SIZE[0], PANEL_HEIGHT * rows + 0.4))
    if not series:
        say_empty(figure.add_subplot(facecolor=theme.paper), theme, "the controller has reported nothing")
    for at, (name, points) in enumerate(series.items(), start=1):
        axes = figure.add_subplot(rows, columns, at, facecolor=theme.paper)
        style(axes, theme)
        count_on_x(axes)
        axes.set_title(name, color=theme.ink, fontsize=10.5, loc="left")
        marker = "o" if len(points) <= MOST_MARKERS else ""
        axes.plot(*zip(*points), color=SAMPLE, linewidth=1.6, marker=marker, markersize=3.5)
        if at > len(series) - columns:
            axes.set_xlabel("trials answered", color=theme.quiet, fontsize=10, loc="right")
    save(figure, path, theme)


def _draw_references(axes: Axes, run: Run, theme: Theme) -> None:
    """A line across for every reference, at the reward that it would have been told."""
    styles = ("--", ":", "-.")
    measured = [done for done in run.checks if done.check.purpose is Purpose.REFERENCE]
    rewards = {done.check.name: done.reward for done in measured if done.reward is not None}
    for at, (name, reward) in enumerate(rewards.items()):
        axes.axhline(
            reward,
            color=theme.quiet,
            linestyle=styles[at % len(styles)],
            linewidth=1.4,
            zorder=1,
            label=f"{one_line(name)} ({reward:.3f})",
        )


def _mark_failures(axes: Axes, numbers: Sequence[int], theme: Theme) -> None:
    """A cross at the bottom edge for every failed trial; fainter when there are many."""
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


def _phases(trials: Sequence[TrialRecord]) -> list[str]:
    """Names of the phases in the order in which they first occur."""
    return list(dict.fromkeys(phase for trial in trials if trial.measurement for phase in trial.measurement.seconds))


def _seconds(trial: TrialRecord, phase: str) -> float:
    return trial.measurement.seconds.get(phase, 0.0) if trial.measurement else 0.0
