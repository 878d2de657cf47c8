"""Pictures with boxes, side by side in one picture file."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nas.disk import replacing
from nas.words import one_line

SIDE = 320
"""Longest side of a tile in pixels."""
GAP = 6


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A picture and what is drawn on it.

    Attributes:
        image: [H, W, 3] uint8.
        boxes: [n, 4], x1 y1 x2 y2 in its pixels.
        labels: [n], 1..K.
        captions: a text for each box.
        title: of the picture; may be empty.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: Sequence[int]
    captions: Sequence[str]
    title: str = ""


def draw_mosaic(tiles: Sequence[Tile], path: Path, columns: int = 4) -> Path:
    """Write the tiles, row by row, as one JPEG or PNG.

    Raises:
        FileError: the file cannot be written.
    """
    drawn = [_draw(tile) for tile in tiles]
    width, height = (max((getattr(one, name) for one in drawn), default=1) + GAP for name in ("width", "height"))
    canvas = Image.new("RGB", (columns * width + GAP, max(1, ceil(len(drawn) / columns)) * height + GAP), "white")
    for place, one in enumerate(drawn):
        canvas.paste(one, (GAP + place % columns * width, GAP + place // columns * height))
    with replacing(path) as temporary:
        canvas.save(temporary, quality=88)
    return path


def _draw(tile: Tile) -> Image.Image:
    picture = Image.fromarray(tile.image)
    scale = SIDE / max(picture.size)
    picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    pen = ImageDraw.Draw(picture)
    for box, label, caption in zip((tile.boxes * scale).tolist(), tile.labels, tile.captions):
        colour = label_colour(label)
        x1, y1, x2, y2 = box
        pen.rectangle((x1, y1, max(x1, x2), max(y1, y2)), outline=colour, width=2)
        _write(pen, (x1 + 2, y1 + 1), caption, colour)
    if tile.title:
        _write(pen, (3, picture.height - 13), tile.title, (40, 40, 40))
    return picture


def _write(pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, ground: tuple[int, int, int]) -> None:
    """A text on a ground of its own; signs that the font lacks are shown as the font shows them."""
    text = one_line(text)
    try:
        pen.rectangle(pen.textbbox(place, text), fill=ground)
        pen.text(place, text, fill="white")
    except UnicodeEncodeError:  # a font without Unicode
        plain = text.encode("ascii", "backslashreplace").decode()
        pen.rectangle(pen.textbbox(place, plain), fill=ground)
        pen.text(place, plain, fill="white")


def label_colour(label: int) -> tuple[int, int, int]:
    """A colour for a class; neighbouring labels differ well."""
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1, 0.85, 0.8)
    return round(255 * red), round(255 * green), round(255 * blue)
