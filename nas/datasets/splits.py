"""Which images are measured: a split of the data set as it is stored, or those that a search reserves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.datasets.dataset import DetectionData, reserve
from nas.datasets.registry import STORED_SPLITS, open_data
from search_spaces.settings import one_of

RESERVED = "reserved"
SPLITS = (*STORED_SPLITS, RESERVED)


def open_split(
    settings: Mapping[str, Any],
    image_size: int,
    cache_dir: str | Path | None = None,
    split: str = "val",
    reserved_images: int | None = None,
    reserve_seed: int = 0,
) -> tuple[DetectionData, tuple[int, ...]]:
    """A data set and the indices of the images that belong to a split, in the order of their ids.

    COCO's evaluation goes through images in that order, which decides between detections of equal scores.

    Args:
        settings, image_size, cache_dir: as in :func:`nas.datasets.registry.open_data`.
        split: ``"train"`` or ``"val"``, all images of it; or ``"reserved"``, those of the training split that
            :func:`nas.datasets.dataset.reserve` keeps for measuring AP.
        reserved_images, reserve_seed: of ``"reserved"``, as in that function.

    Raises:
        ConfigError: an unknown split, or a setting as in :func:`nas.datasets.registry.open_data`.
        DataError: the data set is missing or broken, or so many images cannot be reserved.
    """
    one_of("split", split, SPLITS)
    data = open_data(settings, image_size, cache_dir, "train" if split == RESERVED else split)
    indices = reserve(data, reserved_images, reserve_seed).reserved if split == RESERVED else range(len(data))
    return data, tuple(sorted(indices, key=data.image_id))
