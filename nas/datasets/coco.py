"""Any COCO-format data set: checked, decoded and resized once, then read from the cache."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from nas.datasets.cache import CACHE_VERSION, FINGERPRINT_VERSION, open_cache, write_cache
from nas.datasets.coco_check import CheckedFile, check, raise_faults
from nas.datasets.coco_clean import Box
from nas.datasets.coco_entries import Fault, ImageEntry
from nas.datasets.coco_files import file_status
from nas.datasets.coco_json import parse_json
from nas.datasets.decoding import decode
from nas.datasets.live import open_live, write_live
from nas.datasets.masks import PackedMasks, pack_masks
from nas.datasets.quoting import shown_name
from nas.datasets.segmentation import rasterise, rasterise_square
from nas.datasets.square import Annotations, SquareData
from nas.machine.processors import usable_processors
from nas.words import Countdown, plural
from search_spaces.errors import DataError
from search_spaces.settings import one_of

log = logging.getLogger(__name__)
_BLOCK = 256
_MANY = 50_000  # objects whose masks take some seconds


@dataclass(frozen=True, slots=True)
class CocoSettings:
    """Where a COCO-format data set lies; paths are relative to ``root`` unless absolute."""

    root: str
    train_images: str = "train2017"
    train_annotations: str = "annotations/instances_train2017.json"
    val_images: str = "val2017"
    val_annotations: str = "annotations/instances_val2017.json"

    def paths(self, split: str) -> tuple[Path, Path]:
        """(image folder, annotation file) of ``split``, ``"train"`` or ``"val"``.

        Raises:
            ConfigError: another split.
            DataError: the root, the folder or the file is not there.
        """
        one_of("split", split, ("train", "val"))
        root = Path(os.path.expanduser(self.root))
        folder = root / getattr(self, f"{split}_images")
        annotations = root / getattr(self, f"{split}_annotations")
        if not os.path.isdir(root):  # unlike Path's, says no for a name that is too long or that may not be reached
            raise DataError(
                f"data root {shown_name(root)} is not a folder; set data.root to the folder that holds the data set."
            )
        if not os.path.isdir(folder):
            raise DataError(
                f"image folder {shown_name(folder)} is not there; set data.{split}_images (relative to data.root)."
            )
        if not os.path.isfile(annotations):
            raise DataError(
                f"annotation file {shown_name(annotations)} is not there; "
                f"set data.{split}_annotations (relative to data.root)."
            )
        return folder, annotations


def open_coco(
    settings: CocoSettings, image_size: int, cache_dir: Path, split: str = "train", live: bool = False
) -> SquareData:
    """The split with images of ``image_size``, from the cache, which is made when it is not there.

    What was cleaned and what may be meant otherwise is said each time.

    Args:
        live: keep no pixels; every image is decoded from its file when it is asked for (:mod:`nas.datasets.live`).

    Raises:
        DataError: something is missing or wrong (see :mod:`nas.datasets.coco_check`), or the cache cannot be written.
    """
    folder, file = settings.paths(split)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"annotation file {shown_name(file)} cannot be read: {error.strerror}.") from None
    raw = parse_json(file, content)
    identity, key = fingerprints(content, folder, raw, image_size)
    data = open_live(cache_dir, key, folder) if live else open_cache(cache_dir, key)
    if data is not None:
        _say(file, data.remarks)
        return replace(data, fingerprint=identity, source=str(file))
    checked = check(file, folder, raw)
    images = _decode_all(file, folder, checked.images, image_size)
    if checked.broken:
        _name_broken(file, checked.broken, images)
    remarks = (*checked.remarks, *(f"{count} {clause}" for clause, count in checked.cleaned.items()))
    _say(file, remarks)
    arrays = _to_arrays(checked, image_size)
    if live:
        data = write_live(cache_dir, key, folder, image_size, checked.images, arrays, remarks)
    else:
        data = write_cache(cache_dir, key, image_size, images, arrays, remarks)
    return replace(data, fingerprint=identity, source=str(file))


def _say(file: Path, remarks: Iterable[str]) -> None:
    for remark in remarks:
        log.warning("data set %s: %s.", shown_name(file), remark)


def _name_broken(file: Path, broken: tuple[ImageEntry, ...], images: Iterable[NDArray[np.uint8]]) -> NoReturn:
    """Try every picture and keep none, so that all broken ones are named at once.

    Raises:
        DataError: always; where every picture can be decoded by now, it says so.
    """
    for _ in images:
        pass
    raise DataError(
        f"data set {shown_name(file)}: {plural(len(broken), 'picture')} could not be read a moment ago "
        f"({shown_name(broken[0].file_name)} first); try again."
    )


def fingerprints(content: bytes, folder: Path, raw: dict[str, Any], image_size: int) -> tuple[str, str]:
    """The data set's identity and the key of its cache, 16 hexadecimal digits each.

    The identity stands for the annotation file, the image files (name, size) and the image size, so a copy is the same
    set. The key has the image files' times of change and the layout of the cache as well: a file that may have changed
    is read again.
    """
    identity = hashlib.sha256(f"coco {FINGERPRINT_VERSION} {image_size} ".encode())
    identity.update(content)
    key = identity.copy()
    key.update(f"cache {CACHE_VERSION}\n".encode())
    for row in raw["images"]:
        name = row.get("file_name") if isinstance(row, dict) else None
        status = file_status(folder / str(name))
        if status is None:
            stored = changed = f"{name} missing\n"
        else:
            stored, changed = f"{name} {status.st_size} \n", f"{name} {status.st_size} {status.st_mtime_ns}\n"
        identity.update(stored.encode(errors="surrogatepass"))
        key.update(changed.encode(errors="surrogatepass"))
    return identity.hexdigest()[:16], key.hexdigest()[:16]


def _decode_all(
    file: Path, folder: Path, entries: tuple[ImageEntry, ...], image_size: int
) -> Iterator[NDArray[np.uint8]]:
    """Every image in order, decoded on the cores that may be used; broken ones are raised together at the end."""

    def attempt(entry: ImageEntry) -> NDArray[np.uint8] | Fault:
        try:
            return decode(folder / entry.file_name, entry, image_size)
        except ValueError as error:
            return Fault("broken image", f"image {entry.id}: {error}")

    faults: list[Fault] = []
    countdown = Countdown(log, f"decoding images of {folder}", len(entries))
    with ThreadPoolExecutor(usable_processors()) as pool:
        for first in range(0, len(entries), _BLOCK):
            for result in pool.map(attempt, entries[first : first + _BLOCK]):
                if isinstance(result, Fault):
                    faults.append(result)
                else:
                    yield result
            countdown.done(min(first + _BLOCK, len(entries)))
    raise_faults(file, faults)


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
