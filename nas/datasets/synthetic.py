"""The embedded data set: textured shapes of many sizes over clutter, generated from a seed in seconds.

Object sizes are log-uniform from tiny to nearly the full frame, so every level of a pyramid has objects of its own.
The class is the shape; colour, texture and rotation carry no hint of it. Clutter strokes in the same colours, and
overlap, make a detector look at the shape. The mask of an object is its whole shape, as its box is: what a smaller
object covers of it is included.
"""

from __future__ import annotations

import colorsys
import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nas.datasets.cache import CACHE_VERSION, FINGERPRINT_VERSION, open_cache, write_cache
from nas.datasets.masks import encode_masks, pack_masks
from nas.datasets.square import Annotations, SquareData
from nas.datasets.stencils import SHAPES, cut_stencil
from nas.words import Countdown
from search_spaces.settings import at_least, not_above, one_of, within

log = logging.getLogger(__name__)

GENERATOR_VERSION = 1
STREAMS: Mapping[str, tuple[int, ...]] = {"train": (), "val": (1,)}
"""Split -> what follows seed and index in the entropy of an image; no two splits have an image in common."""
SOURCES = {"train": "synthetic", "val": "synthetic, val"}
VAL_DIVISOR = 4
_PLACEMENT_TRIES = 8
_HALF = 128  # of a stencil's 255: a pixel covered by half belongs to the object


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

    The other split, ``"val"``, has a quarter as many images, drawn from another stream of the seed.
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
        at_least("images", self.images, 2)  # one to train on and one to measure
        within("classes", self.classes, 1, len(SHAPES))
        at_least("min_objects", self.min_objects, 1)
        not_above("min_objects", self.min_objects, "max_objects", self.max_objects)
        within("smallest", self.smallest, 0, 1, "(]")
        within("largest", self.largest, 0, 1, "(]")
        not_above("smallest", self.smallest, "largest", self.largest)
        for name in ("clutter", "noise", "seed"):
            at_least(name, getattr(self, name), 0)
        for name in ("max_overlap", "textured"):
            within(name, getattr(self, name), 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One generated image with its n objects.

    Attributes:
        image: [3, S, S] uint8.
        boxes: [n, 4] float32, x1 y1 x2 y2 in pixels.
        labels: [n] int64, 1..K.
        masks: [n, S, S] bool.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: NDArray[np.bool_]


def open_synthetic(settings: SyntheticSettings, image_size: int, cache_dir: Path, split: str = "train") -> SquareData:
    """The split with images of ``image_size``, from the cache, which is made when it is not there.

    Raises:
        DataError: the cache cannot be written.
    """
    one_of("split", split, STREAMS)
    identity = fingerprint(settings, image_size, split)
    key = f"{identity}-{CACHE_VERSION}"
    data = open_cache(cache_dir, key) or _fill_cache(settings, image_size, cache_dir, key, split)
    return replace(data, fingerprint=identity, source=SOURCES[split])


def _fill_cache(settings: SyntheticSettings, image_size: int, cache_dir: Path, key: str, split: str) -> SquareData:
    images, boxes, labels = [], [], []
    counts: list[bytes | None] = []
    count = settings.images if split == "train" else max(1, settings.images // VAL_DIVISOR)
    countdown = Countdown(log, f"drawing images of {image_size} px", count)
    for index in range(count):
        picture = generate(settings, index, image_size, split)
        images.append(picture.image)
        boxes.append(picture.boxes)
        labels.append(picture.labels)
        counts.extend(encode_masks(picture.masks))
        countdown.done(index + 1)
    corners, masks = np.concatenate(boxes), pack_masks(counts)
    annotations = Annotations(
        boxes=corners,
        labels=np.concatenate(labels),
        areas=np.prod(corners[:, 2:] - corners[:, :2], axis=1),
        crowd=np.zeros(len(corners), dtype=np.bool_),
        offsets=np.cumsum([0, *map(len, boxes)], dtype=np.int64),
        sizes=np.full((count, 2), image_size, dtype=np.int64),
        class_names=tuple(SHAPES)[: settings.classes],
        masks=masks,
        original_masks=masks,
    )
    return write_cache(cache_dir, key, image_size, images, annotations)


def fingerprint(settings: SyntheticSettings, image_size: int, split: str = "train") -> str:
    """16 hexadecimal digits of the settings, the image size, the split and the generator's version."""
    text = json.dumps([GENERATOR_VERSION, FINGERPRINT_VERSION, image_size, asdict(settings), *STREAMS[split]])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def generate(settings: SyntheticSettings, index: int, image_size: int, split: str = "train") -> Picture:
    """Image ``index`` of a split with its objects; a function of the seed."""
    rng = np.random.default_rng((settings.seed, index, *STREAMS[split]))
    canvas = _background(rng, image_size)
    _draw_clutter(canvas, rng, settings.clutter)
    boxes: list[tuple[int, int, int, int]] = []
    labels: list[int] = []
    masks: list[NDArray[np.bool_]] = []
    ratio = settings.largest / settings.smallest
    count = rng.integers(settings.min_objects, settings.max_objects + 1)
    for side in sorted(settings.smallest * ratio ** rng.random(count), reverse=True):
        label = int(rng.integers(settings.classes))
        stencil = cut_stencil(rng, tuple(SHAPES.values())[label], max(4.0, side * image_size))
        place = _place(rng, stencil.size, image_size, boxes, settings.max_overlap)
        if place is not None:
            canvas.paste(_texture(rng, label, stencil.size, settings.textured), place, stencil)
            boxes.append((*place, place[0] + stencil.width, place[1] + stencil.height))
            labels.append(label + 1)
            masks.append(_mask(stencil, place, image_size))
    pixels = np.asarray(canvas, dtype=np.float32) + rng.normal(0, settings.noise, (image_size, image_size, 1))
    image = np.clip(pixels, 0, 255).astype(np.uint8).transpose(2, 0, 1)
    return Picture(
        image,
        np.asarray(boxes, dtype=np.float32).reshape(-1, 4),
        np.asarray(labels, dtype=np.int64),
        np.asarray(masks, dtype=np.bool_).reshape(-1, image_size, image_size),
    )


def _mask(stencil: Image.Image, place: tuple[int, int], size: int) -> NDArray[np.bool_]:
    """The pixels [S, S] that a stencil at ``place`` (left, top) covers by half at least."""
    left, top = place
    mask = np.zeros((size, size), dtype=np.bool_)
    mask[top : top + stencil.height, left : left + stencil.width] = np.asarray(stencil) >= _HALF
    return mask


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
