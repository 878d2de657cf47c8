"""A split of annotated pictures opened, whatever its format: checked and decoded once, then read from the cache."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from nas.datasets.annotated import AnnotatedFiles, Reading
from nas.datasets.cache import NAMES, open_cache, write_cache
from nas.datasets.coco_check import CheckedFile, check, raise_faults
from nas.datasets.coco_clean import Box
from nas.datasets.coco_source import fingerprints
from nas.datasets.decoded import BrokenPictures, decode_all
from nas.datasets.dropping import Dropping
from nas.datasets.live import open_live, write_live
from nas.datasets.masks import PackedMasks, pack_masks
from nas.datasets.quoting import shown_name
from nas.datasets.segmentation import rasterise, rasterise_square
from nas.datasets.square import About, Annotations, PictureFiles, SquareData
from nas.words import plural
from search_spaces.errors import DataError

log = logging.getLogger(__name__)
_MANY = 50_000  # objects whose masks take some seconds


@dataclass(frozen=True, slots=True)
class _Store:
    """Where a split is kept, with the pixels of its pictures or, live, without."""

    cache_dir: Path
    folder: Path
    image_size: int
    live: bool

    def place(self, key: str) -> str:
        return f"{key}-live" if self.live else key

    def open(self, place: str) -> SquareData | None:
        if self.live:
            return open_live(self.cache_dir, place, self.folder, self.image_size)
        return open_cache(self.cache_dir, place)

    def write(self, place: str, checked: CheckedFile, about: About) -> SquareData:
        """Put a split there.

        Raises:
            BrokenPictures: not all of the pictures can be decoded; nothing is left behind.
        """
        names = [(image.file_name, image.upright) for image in checked.images]
        arrays = _to_arrays(checked, self.image_size)
        if self.live:
            return write_live(self.cache_dir, place, self.folder, self.image_size, names, arrays, about)
        images = decode_all(self.folder, checked.images, self.image_size)
        return write_cache(self.cache_dir, place, self.image_size, images, arrays, about, names)


def open_files(
    files: AnnotatedFiles, image_size: int, cache_dir: Path, max_dropped: float | None = None, live: bool = False
) -> SquareData:
    """The split with images of ``image_size``, from the cache, which is made when it is not there.

    What was cleaned, what was dropped and what may be meant otherwise is said each time.

    Args:
        max_dropped: the share of the pictures and of the boxes that may be dropped for their faults; None to refuse
            a split with any fault.
        live: keep no pixels; every image is decoded from its file when it is asked for (:mod:`nas.datasets.live`).

    Raises:
        DataError: something is missing or wrong (see :mod:`nas.datasets.coco_check`), or the cache cannot be written.
    """
    store = _Store(cache_dir, files.folder, image_size, live)
    key = files.key(image_size)
    places = tuple(map(store.place, (key,) if max_dropped is None else (key, _with_drops(key))))
    for place in places:
        data = store.open(place)
        if data is not None:
            break
    else:
        place, data = _fill(store, files, places, max_dropped)
    _say(files.source, data.about, max_dropped)
    pictures = PictureFiles(files.folder, cache_dir / place / NAMES)
    return replace(data, source=str(files.source), pictures=pictures)


def _with_drops(key: str) -> str:
    """The key of what is left of a split when its faults are dropped, if it has any."""
    return hashlib.sha256(f"{key} with its faults dropped".encode()).hexdigest()[:16]


def _say(source: Path, about: About, max_dropped: float | None) -> None:
    """Log what was made of the data set.

    Raises:
        DataError: more was dropped than may be.
    """
    remarks = about.remarks
    if about.dropped is not None and max_dropped is not None:
        about.dropped.check_share(source, max_dropped)
        remarks = (about.dropped.sentence(), *remarks)
    for remark in remarks:
        log.warning("data set %s: %s.", shown_name(source), remark)


def _fill(
    store: _Store, files: AnnotatedFiles, places: tuple[str, ...], max_dropped: float | None
) -> tuple[str, SquareData]:
    """Check and decode a split; the place in the cache where it was put, the first without drops, and the data."""
    reading = files.read()
    identity, _ = fingerprints(reading.content, files.folder, reading.raw, store.image_size)
    if max_dropped is None:
        checked = check(files.source, files.folder, reading)
        about = About(identity, _remarks(reading, checked))
        try:
            return places[0], _write(store, files, checked, places[0], about)
        except BrokenPictures as broken:
            raise_faults(files.source, broken.faults)
    dropping = Dropping(files.source, files.folder, reading, max_dropped or 0.0)
    while True:
        checked = dropping.examine()
        dropped = dropping.dropped if dropping.dropped.entries else None
        place = places[0] if dropped is None else places[-1]
        about = About(dropping.identity(identity), _remarks(reading, checked), dropped)
        try:
            return place, _write(store, files, checked, place, about)
        except BrokenPictures as broken:
            dropping.drop(broken.faults)


def _remarks(reading: Reading, checked: CheckedFile) -> tuple[str, ...]:
    cleaned = (f"{count} {clause}" for clause, count in checked.cleaned.items())
    return (*reading.remarks, *checked.remarks, *cleaned)


def _write(store: _Store, files: AnnotatedFiles, checked: CheckedFile, place: str, about: About) -> SquareData:
    """Put a split into its place.

    Raises:
        BrokenPictures: not all of the pictures can be decoded; nothing is left behind.
    """
    if checked.broken:
        _name_broken(files, checked, store.image_size)
    return store.write(place, checked, about)


def _name_broken(files: AnnotatedFiles, checked: CheckedFile, image_size: int) -> NoReturn:
    """Try every picture and keep none, so that all broken ones are named at once.

    Raises:
        BrokenPictures: always, but
        DataError: where every picture can be decoded by now.
    """
    for _ in decode_all(files.folder, checked.images, image_size):
        pass
    broken = checked.broken
    raise DataError(
        f"data set {shown_name(files.source)}: {plural(len(broken), 'picture')} could not be read a moment ago "
        f"({shown_name(broken[0].file_name)} first); try again."
    )


def _to_arrays(checked: CheckedFile, image_size: int) -> Annotations:
    order = {image.id: position for position, image in enumerate(checked.images)}
    sizes = np.asarray([(image.height, image.width) for image in checked.images], dtype=np.int64)
    scales = (image_size / sizes.max(axis=1)).astype(np.float32)
    boxes = sorted(checked.boxes, key=lambda box: order[box.image_id])
    owners = np.asarray([order[box.image_id] for box in boxes], dtype=np.int64)
    corners = np.asarray([box.corners for box in boxes], dtype=np.float32).reshape(-1, 4)
    masks, original_masks = _pack_both(boxes, sizes[owners], image_size)
    return Annotations(
        boxes=corners * scales[owners, None],
        labels=np.asarray([box.label for box in boxes], dtype=np.int64),
        areas=np.asarray([box.area for box in boxes], dtype=np.float32),
        crowd=np.asarray([box.crowd for box in boxes], dtype=np.bool_),
        offsets=np.searchsorted(owners, np.arange(len(sizes) + 1)).astype(np.int64),
        sizes=sizes,
        class_names=checked.class_names,
        masks=masks,
        original_masks=original_masks,
        image_ids=np.asarray([image.id for image in checked.images], dtype=np.int64),
        category_ids=np.asarray(checked.category_ids, dtype=np.int64),
    )


def _pack_both(
    boxes: list[Box], sizes: NDArray[np.int64], image_size: int
) -> tuple[PackedMasks | None, PackedMasks | None]:
    """The masks of all objects in pixels of the square images, and in pixels of the original ones."""
    if len(boxes) > _MANY:
        log.info("drawing the masks of %d objects", len(boxes))
    square: list[bytes | None] = []
    original: list[bytes | None] = []
    for box, (height, width) in zip(boxes, sizes.tolist()):
        shape = box.shape
        square.append(None if shape is None else rasterise_square(shape, (height, width), image_size))
        original.append(None if shape is None else rasterise(shape, (height, width)))
    return pack_masks(square), pack_masks(original)
