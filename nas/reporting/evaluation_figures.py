"""The figures of an evaluation: curves of precision, recall and F1, and the confusion matrix."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nas.evaluation.coco import OVERLAPS
from nas.evaluation.evaluation import KINDS, Evaluation
from nas.reporting.canvas import BEST, SAMPLE, new_figure, save, say_empty, style
from nas.reporting.objects import shortened
from nas.words import one_line
from search_spaces.drawing import LIGHT, Theme
from search_spaces.matplotlib_style import plain_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 30
"""Classes that have a line of their own."""
MOST_COUNTS = 25
"""Classes up to which the confusion matrix has its counts written into it."""
RECALLS = np.linspace(0, 1, 101)


@plain_style()
def draw_curves(evaluation: Evaluation, path: str | Path, theme: Theme = LIGHT) -> None:
    """Precision against recall at two overlaps, and F1 against the score with the suggested threshold."""
    figure = new_figure(theme, (9.6, 4.2))
    for place, (draw, xlabel, ylabel) in enumerate(
        ((_draw_precision, "recall", "precision"), (_draw_f1, "score above which a detection counts", "F1")), start=1
    ):
        axes = figure.add_subplot(1, 2, place, facecolor=theme.paper)
        style(axes, theme)
        axes.set_xlabel(xlabel, color=theme.quiet, loc="right")
        axes.set_ylabel(ylabel, color=theme.quiet, loc="top")
        axes.set(xlim=(0, 1.005), ylim=(0, 1.02))
        if evaluation.objects:
            draw(evaluation, axes, theme)
            axes.legend(
                fontsize=9, labelcolor=theme.ink, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0
            )
        else:
            say_empty(axes, theme, "there is no object to find")
    save(figure, path, theme)


@plain_style()
def draw_confusion(evaluation: Evaluation, path: str | Path, theme: Theme = LIGHT) -> None:
    """What was found (columns) of what is there (rows); a colour is the share of the row."""
    names = [*map(_label, evaluation.class_names), "background"]
    order = [*range(1, len(names)), 0]  # the background last
    counts = evaluation.confusion.counts[np.ix_(order, order)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(3.0 + 0.3 * len(names), 4.5, 16))
    figure = new_figure(theme, (side + 1.4, side))
    axes = figure.add_subplot(facecolor=theme.paper)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    size = float(np.clip(220 / len(names), 4, 9.5))
    places = range(len(names))
    axes.set_xticks(places, names, fontsize=size, rotation=90 if len(names) > 6 else 0, color=theme.ink)
    axes.set_yticks(places, names, fontsize=size, color=theme.ink)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("found as", color=theme.quiet, loc="right")
    axes.set_ylabel("is", color=theme.quiet, loc="top")
    if len(names) <= MOST_COUNTS:
        for row, column in zip(*np.nonzero(counts)):
            ink = "#ffffff" if shares[row, column] > 0.55 else "#1d2329"
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=size, color=ink)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02)
    bar.ax.tick_params(labelsize=8, colors=theme.quiet, length=0)
    bar.set_label("share of the row", color=theme.quiet, fontsize=9)
    bar.outline.set_visible(False)
    save(figure, path, theme)


def _draw_precision(evaluation: Evaluation, axes: Axes, theme: Theme) -> None:
    precision = evaluation.results["bbox"].precision[..., 0]
    measured = [label for label in range(precision.shape[2]) if evaluation.curves.objects[label]]
    if 1 < len(measured) <= MOST_LINES:
        for label in measured:
            axes.plot(RECALLS, precision[OVERLAPS.index(0.5), :, label], color=theme.quiet, linewidth=0.8, alpha=0.5)
    for overlap, own in ((0.5, SAMPLE), (0.75, BEST)):
        mean = precision[OVERLAPS.index(overlap)][:, measured].mean(axis=1)
        axes.plot(RECALLS, mean, color=own, linewidth=2, label=f"{KINDS['bbox']}, IoU {overlap:g}: {mean.mean():.3f}")


def _draw_f1(evaluation: Evaluation, axes: Axes, theme: Theme) -> None:
    curves = evaluation.curves
    measured = np.flatnonzero(curves.objects)
    if 1 < len(measured) <= MOST_LINES:
        axes.plot(curves.thresholds, curves.f1[measured].T, color=theme.quiet, linewidth=0.8, alpha=0.5)
    label = f"mean over classes, IoU {curves.overlap:g}"
    axes.plot(curves.thresholds, curves.mean_f1, color=SAMPLE, linewidth=2, label=label)
    best = f"best {curves.mean_f1[curves.best]:.3f} at {curves.suggested:g}"
    axes.axvline(curves.suggested, color=BEST, linewidth=1.4, linestyle="--", label=best)


def _label(name: str) -> str:
    """A name as matplotlib shows it; a dollar sign begins no formula."""
    return shortened(one_line(name)).replace("$", r"\$")
