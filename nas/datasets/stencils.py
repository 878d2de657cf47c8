"""The shapes of the embedded data set, and stencils of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

Polygon = list[tuple[float, float]]
_OVERSAMPLING = 2


def cut_stencil(rng: np.random.Generator, outline: Callable[[], list[Polygon]], side: float) -> Image.Image:
    """A shape, turned and stretched at random, as a mask of 0 to 255 cut to its extent.

    Args:
        outline: gives the solid polygon, then its holes.
        side: the mask's longer side in pixels, about.
    """
    turn = rng.uniform(0, 2 * math.pi)
    stretch = rng.uniform(0.7, 1.0)
    cosine, sine = math.cos(turn), math.sin(turn)
    solid, *holes = (
        np.asarray(polygon) * (1, stretch) @ np.asarray([[cosine, sine], [-sine, cosine]]) for polygon in outline()
    )
    corner, extent = solid.min(axis=0), np.ptp(solid, axis=0)
    factor = side * _OVERSAMPLING / extent.max()
    width, height = (max(_OVERSAMPLING, math.ceil(length * factor)) for length in extent)
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    for polygon, fill in ((solid, 255), *((hole, 0) for hole in holes)):
        draw.polygon([tuple(point) for point in ((polygon - corner) * factor).tolist()], fill=fill)
    target = (max(1, round(width / _OVERSAMPLING)), max(1, round(height / _OVERSAMPLING)))
    return mask.resize(target, Image.Resampling.BOX)


def _circle(radius: float) -> Polygon:
    return [(radius * math.cos(angle), radius * math.sin(angle)) for angle in np.linspace(0, 2 * math.pi, 33)[:-1]]


def _star(corners: int, inner: float) -> Polygon:
    """Corners on the unit circle in turn with corners at ``inner``; an inner radius of cos(pi / n) gives an n-gon."""
    angles = np.linspace(0, 2 * math.pi, 2 * corners + 1)[:-1]
    radii = [1.0 if position % 2 == 0 else inner for position in range(2 * corners)]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for radius, angle in zip(radii, angles)]


def _cross() -> Polygon:
    arm = 0.3
    quarter = [(arm, arm), (arm, 1.0), (-arm, 1.0)]
    corners: Polygon = []
    for _ in range(4):
        corners += quarter
        quarter = [(-y, x) for x, y in quarter]
    return corners


SHAPES: dict[str, Callable[[], list[Polygon]]] = {
    "disc": lambda: [_circle(1.0)],
    "triangle": lambda: [_star(3, math.cos(math.pi / 3))],
    "cross": lambda: [_cross()],
    "ring": lambda: [_circle(1.0), _circle(0.55)],
    "square": lambda: [_star(4, math.cos(math.pi / 4))],
    "star": lambda: [_star(5, 0.45)],
}
