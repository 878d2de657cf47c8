"""The picture of an architecture, as in Figure 4 of the SpineNet paper, and the same as text and as Graphviz DOT.

The order of the blocks runs from left to right and the feature levels from bottom to top. Residual blocks are diamonds,
all others are rectangles, and outputs have a red outline.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError
from search_spaces.layout import Box, Connection, Layout, lay_out, middle_part
from search_spaces.matplotlib_style import plain_style
from search_spaces.vocabulary import BLOCK_TYPES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

LEVEL_COLOURS = ("#8fb35b", "#64a96a", "#45a992", "#2f8fb3", "#4a72c4", "#7457bd", "#9b489f")
"""Fill of a block at level 1, 2, ... 7."""

INCHES_PER_UNIT = 0.72
RING = 0.05
DASHES = (0, (3.2, 2.0))
FORMATS = (".png", ".svg")


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of what is not data: background, text, quiet text, grid lines, stem blocks, output outlines."""

    paper: str
    ink: str
    quiet: str
    grid: str
    stem: str
    output: str


LIGHT = Theme(paper="#ffffff", ink="#1d2329", quiet="#67717b", grid="#e6e9ec", stem="#9aa3ac", output="#d9222a")
DARK = Theme(paper="#171b20", ink="#e8ebee", quiet="#98a2ac", grid="#2a3037", stem="#6d7680", output="#ff5a5f")


@plain_style()
def draw(architecture: Architecture, path: str | Path, title: str | None = None, theme: Theme = LIGHT) -> None:
    """Write the picture to ``path``, a .png or .svg file.

    Raises:
        ArchitectureError: the name of the file has neither ending.
    """
    if Path(path).suffix not in FORMATS:
        raise ArchitectureError(f"drawing {path}: the file name must end in one of {', '.join(FORMATS)}.")
    layout = lay_out(architecture)
    figure, axes = _canvas(architecture, layout, theme)
    live = set(architecture.live_nodes)
    _draw_levels(axes, architecture, theme)
    _draw_stem_frame(axes, architecture, layout, theme)
    for order, connection in enumerate(layout.connections):
        alive = connection.source in live and connection.target in live
        _draw_connection(axes, architecture, connection, theme, alive, zorder=2 + order / 1000)
    for index, box in enumerate(layout.boxes):
        _draw_block(axes, architecture, index, box, theme, alive=index in live)
    _draw_legend(axes, architecture, theme)
    if title is not None:
        axes.set_title(title, loc="left", color=theme.ink, fontsize=13, fontweight="bold", pad=12, parse_math=False)
    figure.savefig(path, dpi=150, facecolor=theme.paper, bbox_inches="tight", pad_inches=0.15)


def _canvas(architecture: Architecture, layout: Layout, theme: Theme) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    levels = [node.level for node in architecture.nodes]
    left, right = -0.75, layout.boxes[-1].x + 0.75
    bottom, top = min(levels) - 0.7, max(levels) + 0.7
    size = ((right - left) * INCHES_PER_UNIT, (top - bottom) * INCHES_PER_UNIT)
    figure = Figure(figsize=size, facecolor=theme.paper)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], facecolor=theme.paper)
    axes.spines[:].set_visible(False)
    return figure, axes


def _draw_levels(axes: Axes, architecture: Architecture, theme: Theme) -> None:
    """Draw one thin line and one label per level, and say what the two directions mean."""
    levels = [node.level for node in architecture.nodes]
    rows = range(min(levels), max(levels) + 1)
    for level in rows:
        axes.axhline(level, color=theme.grid, linewidth=0.9, zorder=0)
    axes.set_yticks(list(rows), [f"L{level}" for level in rows], color=theme.ink, fontsize=12)
    axes.tick_params(axis="y", length=0, pad=6)
    axes.set_ylabel("feature level l  (stride 2\u02e1)", color=theme.quiet, fontsize=11, labelpad=8)
    axes.set_xlabel("order in which the blocks are built  \u2192", color=theme.quiet, fontsize=11, loc="right")


def _draw_stem_frame(axes: Axes, architecture: Architecture, layout: Layout, theme: Theme) -> None:
    from matplotlib.patches import FancyBboxPatch

    boxes = layout.boxes[: len(architecture.stem)]
    bottom, top = min(box.y for box in boxes) - 0.38, max(box.y for box in boxes) + 0.38
    left, right = boxes[0].x - 0.46, boxes[-1].x + 0.46
    style = "round,pad=0,rounding_size=0.12"
    frame: dict[str, Any] = {"facecolor": theme.grid, "edgecolor": "none", "alpha": 0.7, "zorder": 0.5}
    axes.add_patch(FancyBboxPatch((left, bottom), right - left, top - bottom, boxstyle=style, **frame))
    axes.text(left + 0.08, top + 0.07, "stem", color=theme.quiet, fontsize=10, ha="left", va="bottom")


def _draw_connection(
    axes: Axes, architecture: Architecture, connection: Connection, theme: Theme, alive: bool, zorder: float
) -> None:
    """Draw the arrow in the colour of its source, over a halo of background that keeps crossings apart."""
    from matplotlib.patches import FancyArrowPatch, PathPatch
    from matplotlib.path import Path as Outline

    codes = [Outline.MOVETO, Outline.CURVE4, Outline.CURVE4, Outline.CURVE4]
    colour = _block_colour(architecture, connection.source, theme)
    halo = Outline(middle_part(connection.curve), codes)
    axes.add_patch(PathPatch(halo, fill=False, edgecolor=theme.paper, linewidth=3.6, capstyle="butt", zorder=zorder))
    arrow = FancyArrowPatch(
        path=Outline(connection.curve, codes),
        arrowstyle="-|>,head_length=0.42,head_width=0.17",
        mutation_scale=13,
        color=colour,
        linewidth=1.5,
        linestyle=DASHES if connection.merge else "solid",
        joinstyle="miter",
        capstyle="butt",
        alpha=1.0 if alive else 0.3,
        zorder=zorder,
    )
    axes.add_patch(arrow)


def _draw_block(axes: Axes, architecture: Architecture, index: int, box: Box, theme: Theme, alive: bool) -> None:
    node = architecture.nodes[index]
    if node.is_output:
        ring = _shape(node.block_type, box)
        ring.set(facecolor=theme.paper, edgecolor=theme.output, linewidth=2.2, zorder=3.9)
        axes.add_patch(ring)
    patch = _shape(node.block_type, box, inset=RING if node.is_output else 0.0)
    patch.set(
        facecolor=_block_colour(architecture, index, theme),
        edgecolor="none" if alive else theme.quiet,
        linewidth=1.2,
        linestyle="solid" if alive else (0, (2, 2)),
        zorder=4,
        alpha=1.0 if alive else 0.35,
    )
    axes.add_patch(patch)
    axes.text(
        box.x,
        box.y,
        str(index),
        color="white" if alive else theme.quiet,
        fontsize=11.5,
        fontweight="bold",
        ha="center",
        va="center_baseline",
        zorder=5,
    )


def _shape(block_type: str, box: Box, inset: float = 0.0) -> Patch:
    """A rectangle or a diamond, its edges moved inwards by ``inset``."""
    from matplotlib.patches import FancyBboxPatch, Polygon

    wide, high = box.half_width - inset, box.half_height - inset
    if BLOCK_TYPES[block_type].symbol == "diamond":
        slant = math.hypot(box.half_width, box.half_height)
        wide, high = box.half_width - inset * slant / box.half_height, box.half_height - inset * slant / box.half_width
        corners = [(box.x - wide, box.y), (box.x, box.y + high), (box.x + wide, box.y), (box.x, box.y - high)]
        return Polygon(corners, closed=True, joinstyle="round")
    style = "round,pad=0,rounding_size=0.05"
    return FancyBboxPatch((box.x - wide, box.y - high), 2 * wide, 2 * high, boxstyle=style)


def _block_colour(architecture: Architecture, index: int, theme: Theme) -> str:
    is_stem = index < len(architecture.stem)
    return theme.stem if is_stem else LEVEL_COLOURS[architecture.nodes[index].level - 1]


def _draw_legend(axes: Axes, architecture: Architecture, theme: Theme) -> None:
    entries = _legend_entries(architecture, theme)
    width, height = (abs(end - start) for start, end in (axes.get_xlim(), axes.get_ylim()))
    beside_label = 2.4 * len(entries) + 4.0 < width
    axes.legend(
        handles=entries,
        loc="upper left",
        bbox_to_anchor=(0.0, 0.0 if beside_label else -0.42 / height),
        ncols=len(entries) if beside_label else max(1, int(width / 3.0)),
        frameon=False,
        fontsize=10.5,
        labelcolor=theme.quiet,
        handletextpad=0.5,
        columnspacing=1.6,
        borderaxespad=0.4,
        borderpad=0.1,
    )


def _legend_entries(architecture: Architecture, theme: Theme) -> list[Line2D]:
    """Entries for what occurs in this architecture, and for nothing else."""
    from matplotlib.lines import Line2D

    types = {node.block_type for node in architecture.nodes}
    filled: dict[str, Any] = {"linestyle": "none", "markerfacecolor": theme.quiet, "markeredgecolor": "none"}
    outlined: dict[str, Any] = {"linestyle": "none", "markerfacecolor": "none", "markeredgewidth": 2.0}
    markers: dict[str, dict[str, Any]] = {
        "rectangle": {"marker": "s", "markersize": 9},
        "diamond": {"marker": "D", "markersize": 8},
    }
    entries = [
        Line2D([], [], label=row.title, **markers[row.symbol], **filled)
        for name, row in BLOCK_TYPES.items()
        if name in types and row.title is not None
    ]
    entries.append(
        Line2D([], [], marker="s", markersize=9, markeredgecolor=theme.output, label="output block", **outlined)
    )
    entries.append(Line2D([], [], color=theme.quiet, linewidth=1.5, label="cross-scale connection"))
    if architecture.merge_edges:
        entries.append(Line2D([], [], color=theme.quiet, linewidth=1.5, linestyle=DASHES, label="merge edge"))
    if len(architecture.live_nodes) < len(architecture.nodes):
        entries.append(Line2D([], [], marker="s", markersize=9, label="reaches no output", **{**filled, "alpha": 0.35}))
    return entries


def to_text(architecture: Architecture) -> str:
    """An aligned table for a terminal, one line per block: node, level, type, parents, role, what it is merged into."""
    merged = dict(architecture.merge_edges)
    live = set(architecture.live_nodes)
    rows = [("node", "level", "type", "parents", "role", "merged into")]
    for index, node in enumerate(architecture.nodes):
        into = str(merged[index]) if index in merged else "-"
        role = architecture.role(index) + ("" if index in live else " (reaches no output)")
        parents = ", ".join(map(str, node.parents)) or "image"
        rows.append((str(index), f"L{node.level}", node.block_type, parents, role, into))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows) + "\n"


def to_dot(architecture: Architecture) -> str:
    """The DAG in Graphviz's DOT language, drawn from left to right with the shapes and colours of :func:`draw`."""
    return "digraph architecture {\n" + "\n".join(f"  {line}" for line in _dot_lines(architecture)) + "\n}\n"


def _dot_lines(architecture: Architecture) -> Iterator[str]:
    yield "rankdir=LR;"
    yield 'node [style=filled, fontname="Helvetica", fontcolor=white, penwidth=0];'
    live = set(architecture.live_nodes)
    for index, node in enumerate(architecture.nodes):
        shape = {"diamond": "diamond", "rectangle": "box"}[BLOCK_TYPES[node.block_type].symbol]
        style = f', color="{LIGHT.output}", penwidth=3' if node.is_output else ""
        style += "" if index in live else ", style=dashed, fontcolor=black, penwidth=1"
        colour = _block_colour(architecture, index, LIGHT)
        yield f'{index} [label="{index}\\nL{node.level}", shape={shape}, fillcolor="{colour}"{style}];'
    for index, node in enumerate(architecture.nodes):
        for parent in node.parents:
            yield f"{parent} -> {index};"
    for source, target in architecture.merge_edges:
        yield f"{source} -> {target} [style=dashed];"
