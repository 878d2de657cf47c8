"""Objects drawn on a picture: boxes, masks, and a text at each, which can be read whatever the picture's size is."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pycocotools import mask as coco_mask

from nas.words import one_line

LEAST_SIDE = 480
"""Pixels; a picture whose longer side is shorter is enlarged by a whole number before anything is drawn on it."""
LEAST_TEXT = 12
"""Height of letters in pixels."""
TEXT_SHARE = 0.018
"""Height of letters, as a share of the picture's longer side; less at small boxes."""
LINE_SHARE = 1 / 450
LONGEST_TEXT = 48
MASK_OPACITY = 0.45

Colour = tuple[int, int, int]


def draw_objects(
    pixels: NDArray[np.uint8],
    boxes: NDArray[np.float32],
    labels: Sequence[int],
    texts: Sequence[str],
    masks: Sequence[Mapping[str, Any]] | None = None,
) -> Image.Image:
    """A picture with objects drawn on it; the first ones lie on top.

    Args:
        pixels: RGB [H, W, 3].
        boxes: [n, 4], xyxy pixels.
        labels: [n], which decide the colours.
        texts: [n], what stands at each box, in any script; empty for nothing.
        masks: per object COCO's compressed run lengths of the picture; None for none.
    """
    pixels = _with_masks(pixels, masks, labels)
    height, width = pixels.shape[:2]
    times = max(1, -(-LEAST_SIDE // max(height, width)))
    picture = Image.fromarray(pixels).resize((width * times, height * times), Image.Resampling.NEAREST)
    longest = max(picture.size)
    draw = ImageDraw.Draw(picture)
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4) * times
    drawn = list(zip(corners.tolist(), labels, texts))[::-1]
    for box, label, _ in drawn:
        _draw_box(draw, box, colour(label), max(2, round(longest * LINE_SHARE)))
    for box, label, text in drawn:
        if text:
            _draw_text(draw, box, colour(label), shortened(one_line(text)), picture.size)
    return picture


def colour(label: int) -> Colour:
    """A colour of its own for each label, red, green, blue; those of near labels are far apart."""
    hue = (label * 0.61803398875) % 1.0
    value = (1.0, 0.78)[label // 7 % 2]
    red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(hue, 0.85, value))
    return red, green, blue


def shortened(text: str) -> str:
    """A text of bearable length, its middle left out where it is longer."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[: half - 1]}\u2026{text[-half:]}"


def _with_masks(
    pixels: NDArray[np.uint8], masks: Sequence[Mapping[str, Any]] | None, labels: Sequence[int]
) -> NDArray[np.uint8]:
    if not masks:
        return pixels
    blended = pixels.copy()
    for mask, label in list(zip(masks, labels))[::-1]:
        inside = coco_mask.decode(dict(mask)).astype(bool)
        own = np.asarray(colour(label)) * MASK_OPACITY
        blended[inside] = (blended[inside] * (1 - MASK_OPACITY) + own).astype(np.uint8)
    return blended


def _draw_box(draw: ImageDraw.ImageDraw, box: Sequence[float], own: Colour, width: int) -> None:
    left, right = sorted((box[0], box[2]))
    top, bottom = sorted((box[1], box[3]))
    draw.rectangle((left, top, right, bottom), outline=own, width=width)


def _draw_text(draw: ImageDraw.ImageDraw, box: Sequence[float], own: Colour, text: str, size: tuple[int, int]) -> None:
    """Above the box where there is room, otherwise within it; always within the picture as far as it fits."""
    largest = max(LEAST_TEXT, round(max(size) * TEXT_SHARE))
    height = min(largest, max(LEAST_TEXT, round(max(box[2] - box[0], box[3] - box[1]) / 5)))
    font = _font(height)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    margin = max(2, height // 6)
    wide, high = right - left + 2 * margin, bottom - top + 2 * margin
    x = max(0.0, min(box[0], size[0] - wide))
    y = box[1] - high if box[1] >= high else min(max(box[1], 0.0), max(0.0, size[1] - high))
    draw.rectangle((x, y, x + wide, y + high), fill=own)
    light = 0.299 * own[0] + 0.587 * own[1] + 0.114 * own[2] > 140
    draw.text((x + margin - left, y + margin - top), text, font=font, fill=(0, 0, 0) if light else (255, 255, 255))


@cache
def _font(height: int) -> ImageFont.FreeTypeFont:
    """The font that matplotlib brings, which has the letters of many scripts; an empty box stands for others."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", height)
