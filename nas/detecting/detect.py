"""Picture files through a detector, a few at a time: read ahead by threads, whole or in tiles, found in the original.

A picture is brought to the detector's square as in training (:mod:`nas.datasets.square`). Of a picture in tiles, each
tile is brought to the square by the same factor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nas.datasets.augment import normalise
from nas.datasets.masks import Size
from nas.datasets.pixels import opened
from nas.datasets.square import on_square, square_scale, to_square
from nas.detecting.files import PictureFile
from nas.detecting.tiles import TOUCH, Tiling, merge_tiles
from nas.detectors import DetectionSettings, Detector, in_evaluation
from nas.evaluation.evaluate import encode_pasted
from nas.machine.processors import usable_processors

Find = Callable[[NDArray[np.uint8]], list[dict[str, Tensor]]]
"""Square images [B, 3, S, S] -> for each what is found in it, see :meth:`nas.detectors.Detector.detect`."""
LEAST_AHEAD = 4
"""Pictures that are read ahead, as squares; of those in tiles, which are kept whole, one."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What was found in a picture, best first.

    Attributes:
        file: the picture.
        size: (height, width) in pixels, upright.
        boxes: [n, 4] float32, xyxy pixels within the picture.
        scores, labels: [n]; labels from 1 on.
        masks: per object COCO's compressed run lengths; None from a detector that finds none.
    """

    file: PictureFile
    size: Size
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """A picture that cannot be read, and why; the reason begins with the file's name."""

    file: PictureFile
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """A picture as the detector sees it.

    Attributes:
        file, size: as in :class:`Found`.
        tiles: [T, 4], the parts of the picture, xyxy pixels.
        scale: pixels of a square image to one of the picture.
        square: makes the square image [3, S, S] of one of the tiles.
    """

    file: PictureFile
    size: Size
    tiles: NDArray[np.float32]
    scale: float
    square: Callable[[int], NDArray[np.uint8]]


def detect_files(
    detector: Detector,
    files: Iterable[PictureFile],
    image_size: int,
    settings: DetectionSettings,
    batch: int = 8,
    tiling: Tiling | None = None,
) -> Iterator[Found | Broken]:
    """What is found in each of the files; those that cannot be read come as soon as that is known.

    Args:
        detector: on its device; it is in evaluation mode while the files are worked through.
        image_size: side S of the square images in pixels.
        settings: what counts as a detection.
        batch: square images that the detector sees at once.
        tiling: how pictures are cut; None to take each as a whole.
    """
    device = next(detector.parameters()).device

    def find(squares: NDArray[np.uint8]) -> list[dict[str, Tensor]]:
        with in_evaluation(detector):
            return detector.detect(normalise(torch.from_numpy(squares).to(device)), settings)

    def read(file: PictureFile) -> Views | Broken:
        return read_views(file, image_size, tiling)

    with ThreadPoolExecutor(usable_processors()) as pool:
        yield from find_in(ahead(pool, read, files, max(batch, LEAST_AHEAD) if tiling is None else 1), find, batch)


def find_in(pictures: Iterable[Views | Broken], find: Find, batch: int) -> Iterator[Found | Broken]:
    """What ``find`` finds in each of the pictures, whose views it is given ``batch`` at a time."""
    waiting: deque[tuple[Views, int]] = deque()
    found: list[dict[str, Tensor]] = []

    def flush(count: int) -> Iterator[Found]:
        views = [waiting.popleft() for _ in range(count)]
        for (picture, place), result in zip(views, find(np.stack([one.square(tile) for one, tile in views]))):
            found.append(result)
            if place == len(picture.tiles) - 1:
                yield together(picture, found)
                found.clear()

    for picture in pictures:
        if isinstance(picture, Broken):
            yield picture
            continue
        for place in range(len(picture.tiles)):
            waiting.append((picture, place))
            if len(waiting) == batch:
                yield from flush(batch)
    if waiting:
        yield from flush(len(waiting))


def read_views(file: PictureFile, image_size: int, tiling: Tiling | None) -> Views | Broken:
    """A picture file as the detector sees it."""
    try:
        with opened(file.path) as picture:
            size = picture.size
            if tiling is None:
                whole = np.asarray([[0, 0, size[1], size[0]]], dtype=np.float32)
                square = to_square(picture, image_size)
                return Views(file, size, whole, float(square_scale(size, image_size)), lambda _: square)
            pixels = picture.read()
    except ValueError as error:
        return Broken(file, str(error))
    return cut(file, pixels, image_size, tiling)


def cut(file: PictureFile, pixels: NDArray[np.uint8], image_size: int, tiling: Tiling) -> Views:
    """A picture [H, W, 3] in tiles."""
    size, scale = (pixels.shape[0], pixels.shape[1]), image_size / tiling.side
    tiles = tiling.tiles(size)

    def square(place: int) -> NDArray[np.uint8]:
        left, top, right, bottom = map(int, tiles[place])
        part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
        width, height = (max(1, min(image_size, round(length * scale))) for length in part.size)
        return on_square(np.asarray(part.resize((width, height), Image.Resampling.BILINEAR)), image_size)

    return Views(file, size, tiles, scale, square)


def together(picture: Views, found: list[dict[str, Tensor]]) -> Found:
    """What was found in the views of a picture as what was found in the picture."""
    results = [_to_picture(picture, place, result) for place, result in enumerate(found)]
    if len(results) == 1:
        chosen = [(0, row) for row in range(len(results[0][0]))]
    else:
        chosen = merge_tiles(results, picture.tiles, picture.size, TOUCH / picture.scale)
    boxes, scores, labels = (
        np.asarray([results[tile][part][row] for tile, row in chosen], dtype=results[0][part].dtype)
        for part in range(3)
    )
    boxes = np.clip(boxes.reshape(-1, 4), 0, np.tile(picture.size[::-1], 2)).astype(np.float32)
    seen = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    masks = None
    if "masks" in found[0]:
        own = [found[tile]["masks"][row] for (tile, row), kept in zip(chosen, seen) if kept]
        masks = encode_pasted(torch.stack(own), torch.from_numpy(boxes[seen]).to(own[0]), picture.size) if own else []
    return Found(picture.file, picture.size, boxes[seen], scores[seen], labels[seen], masks)


def _to_picture(
    picture: Views, place: int, result: Mapping[str, Tensor]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    boxes, scores, labels = (result[name].cpu().numpy() for name in ("boxes", "scores", "labels"))
    moved = boxes / np.float32(picture.scale) + np.tile(picture.tiles[place, :2], 2)
    return moved.astype(np.float32), scores, labels


def ahead(
    pool: ThreadPoolExecutor, function: Callable[[Item], Result], items: Iterable[Item], count: int
) -> Iterator[Result]:
    """The results in order, computed by the threads of a pool, at most ``count`` before they are asked for."""
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
