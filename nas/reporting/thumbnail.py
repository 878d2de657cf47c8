"""A small inline SVG of an architecture for a table row; its colours come from the style sheet of the page."""

from __future__ import annotations

from search_spaces.architecture import Architecture
from search_spaces.drawing import LEVEL_COLOURS
from search_spaces.layout import Box, Connection, lay_out
from search_spaces.vocabulary import BLOCK_TYPES

UNIT = 10.0
PADDING = 0.6


def thumbnail(architecture: Architecture) -> str:
    """The blocks and connections without any text; outputs carry the class ``output``, stem blocks ``stem``."""
    layout = lay_out(architecture)
    top = max(box.y for box in layout.boxes) + PADDING
    bottom = min(box.y for box in layout.boxes) - PADDING
    width, height = (layout.boxes[-1].x + 2 * PADDING) * UNIT, (top - bottom) * UNIT
    live = set(architecture.live_nodes)
    parts = [
        _line(connection, top, connection.source in live and connection.target in live)
        for connection in layout.connections
    ]
    parts += [_block(architecture, index, box, top, index in live) for index, box in enumerate(layout.boxes)]
    return f'<svg class="dag" viewBox="0 0 {width:.0f} {height:.0f}" aria-hidden="true">{"".join(parts)}</svg>'


def _line(connection: Connection, top: float, alive: bool) -> str:
    start, first, second, end = (f"{(x + PADDING) * UNIT:.0f} {(top - y) * UNIT:.0f}" for x, y in connection.curve)
    classes = ["merge"] * connection.merge + ["dead"] * (not alive)
    attribute = f' class="{" ".join(classes)}"' if classes else ""
    return f'<path{attribute} d="M{start}C{first} {second} {end}"/>'


def _block(architecture: Architecture, index: int, box: Box, top: float, alive: bool) -> str:
    node = architecture.nodes[index]
    x, y = (box.x + PADDING) * UNIT, (top - box.y) * UNIT
    wide, high = box.half_width * UNIT, box.half_height * UNIT
    corners = [(-wide, -high), (wide, -high), (wide, high), (-wide, high)]
    if BLOCK_TYPES[node.block_type].symbol == "diamond":
        corners = [(0.0, -high), (wide, 0.0), (0.0, high), (-wide, 0.0)]
    points = " ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)
    classes = [architecture.role(index)] + ["dead"] * (not alive)
    return f'<polygon class="{" ".join(classes)}" points="{points}" fill="{LEVEL_COLOURS[node.level - 1]}"/>'
