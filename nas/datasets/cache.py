"""Decode once: a folder with the images as one memory-mapped array and their annotations, shared by all processes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from nas.datasets.dropped import Dropped, DroppedEntry
from nas.datasets.masks import PackedMasks
from nas.datasets.square import NOTHING_SAID, About, Annotations, SquareData
from nas.disk import publishing
from nas.machine.home import cache_folder
from search_spaces.errors import DataError

CACHE_VERSION = 5
"""Part of every cache's key: a folder of another layout is never read."""

FINGERPRINT_VERSION = 1
"""Part of every data set's fingerprint, which records keep; it stays when only the layout of the cache changes."""

DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile)
"""What reading a damaged cache may raise."""

_IMAGES, _ANNOTATIONS, _ABOUT = "images.npy", "annotations.npz", "about.json"
NAMES = "names.json"
_ARRAYS = ("boxes", "labels", "areas", "crowd", "offsets", "sizes", "class_names")
_IDS = ("image_ids", "category_ids")
_MASKS, _ORIGINAL_MASKS = "masks", "original_masks"


def default_cache_dir() -> Path:
    """``spinenet-search`` in the user's cache folder, see :func:`nas.machine.home.cache_folder`."""
    return cache_folder("spinenet-search")


def open_cache(cache_dir: Path, key: str) -> SquareData | None:
    """The data stored under ``key``, or None when nothing is. Images and masks stay on the disk until they are used.

    Raises:
        DataError: the folder is there and damaged.
    """
    folder = cache_dir / key
    if not os.path.isdir(folder):  # also where it may not be looked for
        return None
    try:
        images = np.load(folder / _IMAGES, mmap_mode="r")
        about = read_about(folder)
        return SquareData(images, read_annotations(folder), about.identity or key, about=about)
    except DAMAGE as error:
        raise damaged(folder, error) from None


def write_cache(
    cache_dir: Path,
    key: str,
    image_size: int,
    images: Iterable[NDArray[np.uint8]],
    annotations: Annotations,
    about: About = NOTHING_SAID,
    files: Sequence[tuple[str, bool]] | None = None,
) -> SquareData:
    """Store images [3, S, S] one by one under ``key``, with what is to be said of them, and open the result.

    The folder is published in one step, see :func:`nas.disk.publishing`. ``files`` are the names of the pictures that
    the images were decoded from, and whether each is turned as its EXIF orientation says.

    Raises:
        DataError: the cache folder cannot be written, or the disk is full; nothing is left behind.
    """
    count = len(annotations.sizes)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with publishing(cache_dir / key) as partial:
            _check_free_space(cache_dir, count * 3 * image_size**2)
            _write_images(partial / _IMAGES, (count, 3, image_size, image_size), images)
            write_annotations(partial, annotations)
            if files is not None:
                write_names(partial, files)
            write_about(partial, about)
    except OSError as error:
        raise not_written(cache_dir, error) from None
    data = open_cache(cache_dir, key)
    assert data is not None, "the folder was just renamed into place"
    return data


def damaged(folder: Path, error: Exception) -> DataError:
    """What is said of a cache folder that cannot be read."""
    return DataError(f"cache folder {folder} is damaged ({error}); delete it and it will be made again.")


def not_written(cache_dir: Path, error: OSError) -> DataError:
    """What is said of a cache folder that cannot be written."""
    return DataError(f"cache folder {cache_dir} cannot be written: {error.strerror}; set data.cache_dir.")


def _write_images(path: Path, shape: tuple[int, ...], images: Iterable[NDArray[np.uint8]]) -> None:
    """Plain writes, since a full disk raises there; writing through a memory map would kill the process instead."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for image in images:
            file.write(np.ascontiguousarray(image).tobytes())


def write_annotations(folder: Path, annotations: Annotations) -> None:
    """Store annotations in a folder, for :func:`read_annotations`."""
    fields = {name: getattr(annotations, name) for name in _ARRAYS}
    fields |= {name: ids for name in _IDS if (ids := getattr(annotations, name)) is not None}
    fields["class_names"] = np.asarray(annotations.class_names, dtype=np.str_)
    np.savez(folder / _ANNOTATIONS, **fields)
    if annotations.masks is not None:
        _write_masks(folder, _MASKS, annotations.masks)
    if annotations.original_masks is not None and annotations.original_masks is not annotations.masks:
        _write_masks(folder, _ORIGINAL_MASKS, annotations.original_masks)


def read_annotations(folder: Path) -> Annotations:
    """The annotations in a folder, masks mapped into memory; raises one of ``DAMAGE``."""
    with np.load(folder / _ANNOTATIONS) as stored:
        fields = {name: stored[name] for name in stored.files}
    names = tuple(str(name) for name in fields.pop("class_names"))
    masks = _read_masks(folder, _MASKS)
    original_masks = _read_masks(folder, _ORIGINAL_MASKS) or masks  # stored once where the two are the same
    return Annotations(class_names=names, masks=masks, original_masks=original_masks, **fields)


def write_names(folder: Path, files: Sequence[tuple[str, bool]]) -> None:
    """Store the names of pictures, and whether each is turned, for :class:`nas.datasets.square.PictureFiles`."""
    as_stored = [position for position, (_, upright) in enumerate(files) if not upright]
    content = {"names": [name for name, _ in files], "as_stored": as_stored}
    (folder / NAMES).write_text(json.dumps(content), encoding="ascii")


def write_about(folder: Path, about: About) -> None:
    """Store what is to be said of a data set, where there is anything."""
    if about != NOTHING_SAID:
        (folder / _ABOUT).write_text(json.dumps(asdict(about)), encoding="ascii")


def read_about(folder: Path) -> About:
    """What :func:`write_about` stored; raises one of ``DAMAGE``."""
    file = folder / _ABOUT
    if not file.exists():
        return NOTHING_SAID
    stored = json.loads(file.read_text(encoding="ascii"))
    if not isinstance(stored, dict):
        raise ValueError(f"its {_ABOUT} is no object")
    remarks, dropped = stored["remarks"], stored["dropped"]
    if not isinstance(remarks, list) or not all(isinstance(remark, str) for remark in remarks):
        raise ValueError(f"its {_ABOUT} has no list of sentences")
    if dropped is not None:
        dropped = Dropped(**{**dropped, "entries": tuple(DroppedEntry(**entry) for entry in dropped["entries"])})
    return About(stored["identity"], tuple(remarks), dropped)


def _write_masks(folder: Path, name: str, packed: PackedMasks) -> None:
    np.save(folder / f"{name}.npy", packed.data)
    np.save(folder / f"{name}_offsets.npy", packed.offsets)


def _read_masks(folder: Path, name: str) -> PackedMasks | None:
    if not (folder / f"{name}.npy").exists():
        return None
    data, offsets = (np.load(folder / f"{one}.npy", mmap_mode="r") for one in (name, f"{name}_offsets"))
    return PackedMasks(np.asarray(data), np.asarray(offsets))  # still mapped; plain views are sliced faster


def _check_free_space(cache_dir: Path, needed: int) -> None:
    free = shutil.disk_usage(cache_dir).free
    if needed > free:
        raise DataError(
            f"cache folder {cache_dir} has {free / 1e9:.1f} GB free and the images need {needed / 1e9:.1f} GB; "
            f"set data.cache_dir to a larger disk or take a smaller image_size."
        )
