"""Pictures of a data set with their boxes, as HTML: the picture as JPEG data, boxes and names drawn over it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nas.datasets.dataset import DetectionData, Objects
from nas.datasets.pixels import opened
from nas.datasets.square import SquareData
from nas.words import one_line

SAMPLES_STYLE = """
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; }
.samples figure { margin: 0; overflow: visible; } .samples figcaption { overflow-wrap: anywhere; }
.sample { position: relative; } figure .sample img { min-width: 0; border-radius: 3px; }
.sample svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.sample rect { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
.sample .crowd { stroke-dasharray: 4 3; }
.sample text { paint-order: stroke; stroke: #000; stroke-width: 0.2em; fill: #fff; font-family: inherit; }
"""

LONGEST_SIDE = 480
MOST_NAMES = 24
"""A picture with more objects has their names in the titles of the boxes alone."""
_QUALITY = 82


def samples_html(data: DetectionData, indices: Sequence[int]) -> str:
    """The pictures with the boxes of their objects; each with its file's name where there is one."""
    find = _finder(data)
    return f'<div class="samples">{"".join(_sample(data, index, find) for index in indices)}</div>'


def _finder(data: DetectionData) -> Callable[[int], tuple[str, NDArray[np.uint8] | None]]:
    """What gives an image's name, and its pixels [H, W, 3] as the file has them; None where that cannot be read."""
    if not isinstance(data, SquareData) or data.pictures is None:
        return lambda index: (f"image {index}", None)
    paths, as_stored = data.pictures.read()

    def find(index: int) -> tuple[str, NDArray[np.uint8] | None]:
        height, width = data.original_size(index)
        scale = min(1.0, LONGEST_SIDE / max(height, width))
        size = max(1, round(height * scale)), max(1, round(width * scale))
        try:
            with opened(paths[index]) as picture:
                return paths[index].name, picture.read(size, upright=index not in as_stored, draft=True)
        except ValueError:
            return paths[index].name, None

    return find


def _sample(data: DetectionData, index: int, find: Callable[[int], tuple[str, NDArray[np.uint8] | None]]) -> str:
    name, pixels = find(index)
    height, width = data.original_size(index)
    objects = data.original_objects(index)
    if pixels is None:
        pixels, objects = data.image(index).transpose(1, 2, 0), data.objects(index)
        height = width = data.image_size
    caption = f"{one_line(name)}, {width} x {height}, {len(objects)} objects"
    overlay = _overlay(objects, data.class_names, width, height)
    return (
        f'<figure><div class="sample"><img src="{_jpeg(pixels)}" alt="{escape(caption)}">{overlay}</div>'
        f'<figcaption class="quiet small">{escape(caption)}</figcaption></figure>'
    )


def _overlay(objects: Objects, class_names: Sequence[str], width: int, height: int) -> str:
    """Boxes in pixels of the picture, each with its class; large ones first, so that small ones lie above."""
    corners = objects.boxes.astype(float)
    order = np.argsort(-np.prod(corners[:, 2:] - corners[:, :2], axis=1), kind="stable")
    letter = max(width, height) / 24
    parts = []
    for at in order.tolist():
        x1, y1, x2, y2 = corners[at].tolist()
        name = escape(one_line(class_names[int(objects.labels[at]) - 1]))
        colour = f"hsl({137 * int(objects.labels[at]) % 360} 85% 55%)"
        crowd = ' class="crowd"' if objects.crowd[at] else ""
        parts.append(
            f'<rect{crowd} x="{x1:.1f}" y="{y1:.1f}" width="{x2 - x1:.1f}" height="{y2 - y1:.1f}" '
            f'stroke="{colour}"><title>{name}</title></rect>'
        )
        if len(objects) <= MOST_NAMES:
            x, anchor = (x1, "start") if x1 < width / 2 else (x2, "end")
            place = f'x="{x:.1f}" y="{max(y1, letter):.1f}" text-anchor="{anchor}"'
            parts.append(f'<text {place} font-size="{letter:.1f}">{name}</text>')
    return f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none">{"".join(parts)}</svg>'


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
