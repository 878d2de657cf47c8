"""The embedded data set: textured shapes of many sizes over clutter, generated from a seed in seconds.

Object sizes are log-uniform from tiny to nearly the full frame, so every level of a pyramid has objects of its own.
The class is the shape; colour, texture and rotation carry no hint of it. Clutter strokes in the same colours, and
overlap, make a detector look at the shape.
"""

from __future__ import annotations

import colorsys
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nas.datasets.cache import CACHE_VERSION, open_cache, write_cache
from nas.datasets.dataset import Annotations, DetectionData
from search_spaces.errors import ConfigError

GENERATOR_VERSION = 1
Polygon = list[tuple[float, float]]
_OVERSAMPLING = 2
_PLACEMENT_TRIES = 8


@dataclass(frozen=True, slots=True)
class SyntheticSettings:
    """What the embedded set is like; lengths are fractions of the frame's side.

    Attributes:
        images: how many, those reserved for measuring AP included.
        classes: how many of ``SHAPES``, from the first.
        min_objects, max_objects: objects per image, drawn uniformly.
        smallest, largest: longer side of an object's box, drawn log-uniformly.
        clutter: strokes per image.
        max_overlap: highest intersection over union of two boxes.
        textured: fraction of objects in two colours; the others are plain.
        noise: standard deviation of the pixel noise, in grey levels.
        seed: everything random follows from it.
    """

    images: int = 2048
    classes: int = 3
    min_objects: int = 2
    max_objects: int = 5
    smallest: float = 0.08
    largest: float = 0.9
    clutter: int = 3
    max_overlap: float = 0.15
    textured: float = 0.5
    noise: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"data.seed is {self.seed}; it must not be negative.")
        if self.images < 2:
            raise ConfigError(f"data.images is {self.images}; at least 2 are due, one to train on and one to measure.")
        if not 1 <= self.classes <= len(SHAPES):
            raise ConfigError(f"data.classes is {self.classes}; allowed: 1 to {len(SHAPES)}.")
        if not 1 <= self.min_objects <= self.max_objects:
            raise ConfigError(
                f"data.min_objects is {self.min_objects} and max_objects {self.max_objects}; "
                f"1 <= min_objects <= max_objects is due."
            )
        if not 0 < self.smallest <= self.largest <= 1:
            raise ConfigError(
                f"data.smallest is {self.smallest} and largest {self.largest}; 0 < smallest <= largest <= 1 is due."
            )
        for name in ("clutter", "noise"):
            if getattr(self, name) < 0:
                raise ConfigError(f"data.{name} is {getattr(self, name)}; it must not be negative.")
        for name in ("max_overlap", "textured"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"data.{name} is {getattr(self, name)}; it lies in 0 to 1.")


def open_synthetic(settings: SyntheticSettings, image_size: int, cache_dir: Path) -> DetectionData:
    """The set with images of ``image_size``, from the cache, which is made when it is not there.

    Raises:
        DataError: the cache cannot be written.
    """
    key = fingerprint(settings, image_size)
    data = open_cache(cache_dir, key)
    if data is not None:
        return data
    pictures = [generate(settings, index, image_size) for index in range(settings.images)]
    boxes = [boxes for _, boxes, _ in pictures]
    corners = np.concatenate(boxes)
    annotations = Annotations(
        boxes=corners,
        labels=np.concatenate([labels for _, _, labels in pictures]),
        areas=np.prod(corners[:, 2:] - corners[:, :2], axis=1),
        crowd=np.zeros(len(corners), dtype=np.bool_),
        offsets=np.cumsum([0, *map(len, boxes)], dtype=np.int64),
        scales=np.ones(settings.images, dtype=np.float32),
        class_names=tuple(SHAPES)[: settings.classes],
    )
    return write_cache(cache_dir, key, image_size, (image for image, _, _ in pictures), annotations)


def fingerprint(settings: SyntheticSettings, image_size: int) -> str:
    """16 hexadecimal digits of the settings, the image size and the generator's version."""
    text = json.dumps([GENERATOR_VERSION, CACHE_VERSION, image_size, asdict(settings)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def generate(
    settings: SyntheticSettings, index: int, image_size: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]:
    """Image ``index`` [3, S, S], its boxes [n, 4] (x1 y1 x2 y2 in pixels) and labels [n]; a function of the seed."""
    rng = np.random.default_rng((settings.seed, index))
    canvas = _background(rng, image_size)
    _draw_clutter(canvas, rng, settings.clutter)
    boxes: list[tuple[int, int, int, int]] = []
    labels: list[int] = []
    ratio = settings.largest / settings.smallest
    count = rng.integers(settings.min_objects, settings.max_objects + 1)
    for side in sorted(settings.smallest * ratio ** rng.random(count), reverse=True):
        label = int(rng.integers(settings.classes))
        stencil = _stencil(rng, tuple(SHAPES.values())[label], max(4.0, side * image_size))
        place = _place(rng, stencil.size, image_size, boxes, settings.max_overlap)
        if place is not None:
            canvas.paste(_texture(rng, label, stencil.size, settings.textured), place, stencil)
            boxes.append((*place, place[0] + stencil.width, place[1] + stencil.height))
            labels.append(label + 1)
    pixels = np.asarray(canvas, dtype=np.float32) + rng.normal(0, settings.noise, (image_size, image_size, 1))
    image = np.clip(pixels, 0, 255).astype(np.uint8).transpose(2, 0, 1)
    return image, np.asarray(boxes, dtype=np.float32).reshape(-1, 4), np.asarray(labels, dtype=np.int64)


def _colour(rng: np.random.Generator, saturation: float) -> tuple[int, int, int]:
    """A random hue; saturation 0 is grey, 1 is pure."""
    value = rng.uniform(0.6, 1.0) if saturation > 0.5 else rng.uniform(0.2, 0.7)
    red, green, blue = (round(255 * channel) for channel in colorsys.hsv_to_rgb(rng.random(), saturation, value))
    return red, green, blue


def _background(rng: np.random.Generator, size: int) -> Image.Image:
    """A smooth random colour field."""
    coarse = np.asarray([_colour(rng, 0.3) for _ in range(9)], dtype=np.uint8).reshape(3, 3, 3)
    return Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC)


def _draw_clutter(canvas: Image.Image, rng: np.random.Generator, strokes: int) -> None:
    draw = ImageDraw.Draw(canvas)
    for _ in range(strokes):
        start = rng.random(2) * canvas.width
        steps = rng.normal(0, canvas.width / 8, (3, 2))
        points = [tuple(point) for point in (start + np.cumsum(steps, axis=0)).tolist()]
        draw.line(points, fill=_colour(rng, 0.3), width=int(rng.integers(1, max(2, canvas.width // 40) + 1)))


def _texture(rng: np.random.Generator, label: int, size: tuple[int, int], textured: float) -> Image.Image:
    """A plain patch, or the class's pattern in two colours: stripes across or along, or a chequered one."""
    first, second = (np.asarray(_colour(rng, 0.9), dtype=np.uint8) for _ in range(2))
    kind = 1 + label % 3 if rng.random() < textured else 0
    period = max(2, round(max(size) * rng.uniform(0.08, 0.25)))
    rows, columns = (np.arange(size[1]) // period)[:, None], (np.arange(size[0]) // period)[None, :]
    pattern = (rows * (kind in (1, 3)) + columns * (kind in (2, 3))) % 2
    return Image.fromarray(np.where(pattern[..., None] == 0, first, second).astype(np.uint8))


def _stencil(rng: np.random.Generator, outline: Callable[[], list[Polygon]], side: float) -> Image.Image:
    """The rotated shape as a mask, cut to its extent, whose longer side is about ``side`` pixels."""
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


def _place(
    rng: np.random.Generator,
    size: tuple[int, int],
    frame: int,
    boxes: list[tuple[int, int, int, int]],
    max_overlap: float,
) -> tuple[int, int] | None:
    """The upper left corner of a free place; None when a few tries find none."""
    if max(size) > frame:
        return None
    for _ in range(_PLACEMENT_TRIES):
        left, top = (int(rng.integers(frame - length + 1)) for length in size)
        box = (left, top, left + size[0], top + size[1])
        if all(_overlap(box, other) <= max_overlap for other in boxes):
            return left, top
    return None


def _overlap(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return shared / (areas - shared)


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
