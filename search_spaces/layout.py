"""Where the blocks and connections of an architecture lie in its picture: geometry alone, for any renderer.

The unit of length is the width of a column, which is also the height of a row. Columns follow the order in which the
blocks are built, from left to right. Rows are feature levels, and y grows with the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from search_spaces.architecture import Architecture
from search_spaces.block import MAX_BLOCK_LEVEL
from search_spaces.vocabulary import BLOCK_TYPES

STEM_GAP = 0.55
MARGIN = 0.09
BOWS = np.linspace(-2.0, 2.0, 11)
REACHES = (0.2, 0.5, 0.8)
STEPS = 33
CELL = 0.1

Points = NDArray[np.float64]
Occupied = NDArray[np.bool_]
Curve = tuple[tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Box:
    """The place of one block: its centre, and half of its width and height."""

    x: float
    y: float
    half_width: float
    half_height: float


@dataclass(frozen=True, slots=True)
class Connection:
    """An arrow from node ``source`` to node ``target`` along a cubic Bezier curve; ``merge``: it is a merge edge."""

    source: int
    target: int
    merge: bool
    curve: Curve


@dataclass(frozen=True, slots=True)
class Layout:
    """Boxes by node index, and the connections in the order in which they are painted, long ones first."""

    boxes: tuple[Box, ...]
    connections: tuple[Connection, ...]


@lru_cache(maxsize=64)
def lay_out(architecture: Architecture) -> Layout:
    """Place every block, then bend every connection around the blocks between its two ends."""
    boxes = place_blocks(architecture)
    edges = [(parent, index, False) for index, node in enumerate(architecture.nodes) for parent in node.parents]
    edges += [(source, target, True) for source, target in architecture.merge_edges]
    edges.sort(key=lambda edge: (edge[1] - edge[0], abs(boxes[edge[1]].y - boxes[edge[0]].y), edge))
    occupied = np.zeros((int((boxes[-1].x + 2) / CELL) + 1, int((MAX_BLOCK_LEVEL + 3) / CELL) + 1), dtype=bool)
    connections = []
    for source, target, merge in edges:
        port = _port(target, source, edges, architecture, boxes)
        controls, points = _route(boxes, source, target, port, occupied)
        _occupy(points, occupied)
        connections.append(Connection(source, target, merge, _as_curve(controls)))
    return Layout(boxes, tuple(reversed(connections)))


def place_blocks(architecture: Architecture) -> tuple[Box, ...]:
    """One box per node. Finer levels have larger boxes; diamonds and outlined outputs are a little larger still."""
    boxes = []
    for index, node in enumerate(architecture.nodes):
        half_width = 0.375 - 0.017 * node.level
        half_height = 0.315 - 0.017 * node.level
        if BLOCK_TYPES[node.block_type].symbol == "diamond":
            half_width, half_height = half_width + 0.03, half_height + 0.09
        if node.is_output:
            half_width, half_height = half_width + 0.04, half_height + 0.04
        gap = STEM_GAP if index >= len(architecture.stem) else 0.0
        boxes.append(Box(index + gap, float(node.level), half_width, half_height))
    return tuple(boxes)


def middle_part(curve: Curve, start: float = 0.16, stop: float = 0.84) -> Curve:
    """The piece of a Bezier curve between two parameters in [0, 1], by de Casteljau's subdivision."""
    _, rest = _split(np.array(curve), start)
    return _as_curve(_split(rest, (stop - start) / (1 - start))[0])


def _as_curve(controls: Points) -> Curve:
    first, second, third, last = ((float(x), float(y)) for x, y in controls)
    return first, second, third, last


def _split(controls: Points, t: float) -> tuple[Points, Points]:
    """The two pieces [4, 2] of the curve with control points [4, 2], before and after parameter ``t``."""
    rows = [controls]
    while len(rows[-1]) > 1:
        rows.append((1 - t) * rows[-1][:-1] + t * rows[-1][1:])
    return np.stack([row[0] for row in rows]), np.stack([row[-1] for row in rows[::-1]])


def _port(
    target: int,
    source: int,
    edges: list[tuple[int, int, bool]],
    architecture: Architecture,
    boxes: tuple[Box, ...],
) -> float:
    """Height above the target's centre at which the connection arrives; it keeps arrows off each other."""
    if BLOCK_TYPES[architecture.nodes[target].block_type].symbol == "diamond":
        return 0.0
    arriving = sorted(
        (edge[0] for edge in edges if edge[1] == target),
        key=lambda node: ((boxes[node].y - boxes[target].y) / (boxes[target].x - boxes[node].x), node),
    )
    spacing = min(0.16, 1.4 * boxes[target].half_height / len(arriving))
    return spacing * (arriving.index(source) - (len(arriving) - 1) / 2)


def _route(boxes: tuple[Box, ...], source: int, target: int, port: float, occupied: Occupied) -> tuple[Points, Points]:
    """The best of a grid of curves: it avoids blocks first, then earlier curves, and then it is short and gently bent.

    Returns its four control points [4, 2] and points along it [STEPS, 2].
    """
    start = np.array([boxes[source].x + boxes[source].half_width, boxes[source].y])
    end = np.array([boxes[target].x - boxes[target].half_width - 0.03, boxes[target].y + port])
    first, second, leave, arrive = (grid.ravel() for grid in np.meshgrid(BOWS, BOWS, REACHES, REACHES))
    span = end[0] - start[0]
    controls = np.empty((len(first), 4, 2))
    controls[:, 0], controls[:, 3] = start, end
    controls[:, 1] = start + np.stack([leave * span, first], axis=-1)
    controls[:, 2] = end + np.stack([-arrive * span, second], axis=-1)
    points = _bezier(controls)
    others = [box for index, box in enumerate(boxes) if index not in (source, target)]
    detour = np.linalg.norm(np.diff(points, axis=1), axis=-1).sum(axis=1) - np.linalg.norm(end - start)
    unevenness = (leave - 0.5) ** 2 + (arrive - 0.5) ** 2
    cost = 40.0 * _hidden(points, others) + 1.5 * _crowding(points, occupied) + 0.7 * detour
    cost += 0.4 * (second * port < 0) + 0.16 * (first**2 + second**2) + 0.8 * unevenness + 5.0 * _outside(points, boxes)
    best = int(np.argmin(cost))
    return controls[best], points[best]


def _bezier(controls: Points) -> Points:
    """Points [N, STEPS, 2] along N cubic curves with control points [N, 4, 2]."""
    t = np.linspace(0.0, 1.0, STEPS)
    weights = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    curves: Points = np.einsum("ks,nkd->nsd", weights, controls)
    return curves


def _hidden(points: Points, boxes: list[Box]) -> Points:
    """Share of each curve [N] that lies under (or within a margin of) one of the boxes."""
    inside = np.zeros(points.shape[:2], dtype=bool)
    for box in boxes:
        near_x = np.abs(points[..., 0] - box.x) < box.half_width + MARGIN
        near_y = np.abs(points[..., 1] - box.y) < box.half_height + MARGIN
        inside |= near_x & near_y
    share: Points = inside.mean(axis=1)
    return share


def _crowding(points: Points, occupied: Occupied) -> Points:
    """Share of each curve [N] that runs where earlier curves run. The ends are left out, since curves meet there."""
    columns, rows = _cells(points[:, 4:-4], occupied)
    share: Points = occupied[columns, rows].mean(axis=1)
    return share


def _occupy(points: Points, occupied: Occupied) -> None:
    """Mark the cells of one curve [STEPS, 2] and the cells beside them."""
    dense = np.concatenate([points[:-1] + (points[1:] - points[:-1]) * part for part in (0.0, 0.25, 0.5, 0.75)])
    columns, rows = _cells(dense, occupied)
    for shift in (-1, 0, 1):
        occupied[columns, np.clip(rows + shift, 0, occupied.shape[1] - 1)] = True


def _cells(points: Points, occupied: Occupied) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices into the grid ``occupied``, whose first cell lies one unit to the left of the origin and one below it."""
    cells = ((points + 1.0) / CELL).astype(np.intp)
    return np.clip(cells[..., 0], 0, occupied.shape[0] - 1), np.clip(cells[..., 1], 0, occupied.shape[1] - 1)


def _outside(points: Points, boxes: tuple[Box, ...]) -> Points:
    """How far each curve [N] leaves the band that the rows fill."""
    low, high = min(box.y for box in boxes) - 0.55, max(box.y for box in boxes) + 0.55
    beyond = np.maximum(low - points[..., 1], 0.0) + np.maximum(points[..., 1] - high, 0.0)
    furthest: Points = beyond.max(axis=1)
    return furthest
