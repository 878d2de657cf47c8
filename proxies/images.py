"""The images that a proxy measures on: a data set and its reserved images."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from nas.datasets.dataset import DetectionData, Split, reserve
from nas.datasets.registry import open_data


def open_images(
    data: Mapping[str, Any], image_size: int, cache_dir: str | None, reserved_images: int | None, reserve_seed: int
) -> tuple[DetectionData, Split]:
    """The data set and its reserved images; opened once per process, however many trials it runs.

    Args:
        data: ``kind`` and the settings of the data set, see :func:`nas.datasets.registry.open_data`.
        image_size: side of the square images in pixels.
        cache_dir: where decoded images are kept; None means the user's cache folder.
        reserved_images, reserve_seed: see :func:`nas.datasets.dataset.reserve`.

    Raises:
        ConfigError: an unknown kind or setting, or a value of the wrong type or out of range.
        DataError: the data set is missing or broken, or its cache cannot be written.
    """
    return _open_once(json.dumps(dict(data), sort_keys=True), image_size, cache_dir, reserved_images, reserve_seed)


@lru_cache(maxsize=2)
def _open_once(
    data: str, image_size: int, cache_dir: str | None, reserved_images: int | None, reserve_seed: int
) -> tuple[DetectionData, Split]:
    """Kept, so that all trials of a process share one memory map."""
    opened = open_data(json.loads(data), image_size, cache_dir)
    return opened, reserve(opened, reserved_images, reserve_seed)
