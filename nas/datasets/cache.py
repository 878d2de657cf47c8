"""Decode once: a folder with the images as one memory-mapped array and their annotations, shared by all processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from nas.datasets.dataset import Annotations, DetectionData
from nas.disk import publishing
from search_spaces.errors import DataError

CACHE_VERSION = 1
_IMAGES, _ANNOTATIONS = "images.npy", "annotations.npz"


def default_cache_dir() -> Path:
    """``spinenet-search`` under ``$XDG_CACHE_HOME``, or under ``~/.cache`` when that is not set."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spinenet-search"


def open_cache(cache_dir: Path, key: str) -> DetectionData | None:
    """The data stored under ``key``, or None when nothing is.

    Raises:
        DataError: the folder is there and damaged.
    """
    folder = cache_dir / key
    if not folder.is_dir():
        return None
    try:
        images = np.load(folder / _IMAGES, mmap_mode="r")
        with np.load(folder / _ANNOTATIONS) as stored:
            fields = {name: stored[name] for name in stored.files}
        names = tuple(str(name) for name in fields.pop("class_names"))
        annotations = Annotations(class_names=names, **fields)
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as error:
        raise DataError(f"cache folder {folder} is damaged ({error}); delete it and it will be made again.") from None
    return DetectionData(images, annotations, key)


def write_cache(
    cache_dir: Path, key: str, image_size: int, images: Iterable[NDArray[np.uint8]], annotations: Annotations
) -> DetectionData:
    """Store images [3, S, S] one by one under ``key``, and open the result.

    The folder is published in one step, see :func:`nas.disk.publishing`.

    Raises:
        DataError: the cache folder cannot be written, or the disk is full; nothing is left behind.
    """
    count = len(annotations.scales)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with publishing(cache_dir / key) as partial:
            _check_free_space(cache_dir, count * 3 * image_size**2)
            _write_images(partial / _IMAGES, (count, 3, image_size, image_size), images)
            _write_annotations(partial / _ANNOTATIONS, annotations)
    except OSError as error:
        raise DataError(f"cache folder {cache_dir} cannot be written: {error.strerror}; set cache_dir.") from None
    data = open_cache(cache_dir, key)
    assert data is not None, "the folder was just renamed into place"
    return data


def _write_images(path: Path, shape: tuple[int, ...], images: Iterable[NDArray[np.uint8]]) -> None:
    """Plain writes, since a full disk raises there; writing through a memory map would kill the process instead."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for image in images:
            file.write(np.ascontiguousarray(image).tobytes())


def _write_annotations(path: Path, annotations: Annotations) -> None:
    fields = {name: getattr(annotations, name) for name in Annotations.__dataclass_fields__}
    fields["class_names"] = np.asarray(annotations.class_names, dtype=np.str_)
    np.savez(path, **fields)


def _check_free_space(cache_dir: Path, needed: int) -> None:
    free = shutil.disk_usage(cache_dir).free
    if needed > free:
        raise DataError(
            f"cache folder {cache_dir} has {free / 1e9:.1f} GB free and the images need {needed / 1e9:.1f} GB; "
            f"set cache_dir to a larger disk or take a smaller image_size."
        )
