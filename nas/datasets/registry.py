"""Data sets by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.datasets.cache import default_cache_dir
from nas.datasets.coco import CocoSettings, open_coco
from nas.datasets.dataset import DetectionData
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from search_spaces.errors import ConfigError, suggestion
from search_spaces.settings import build_settings

DATASETS = ("synthetic", "coco")


def open_data(settings: Mapping[str, Any], image_size: int, cache_dir: str | Path | None = None) -> DetectionData:
    """The training split of the data set that ``settings`` describe, decoded once into the cache.

    Args:
        settings: ``name`` (``synthetic`` or ``coco``) and fields of :class:`SyntheticSettings` or
            :class:`CocoSettings`.
        image_size: side of the square images in pixels.
        cache_dir: where decoded images are kept; None means :func:`default_cache_dir`.

    Raises:
        ConfigError: an unknown name or setting, or a setting out of range.
        DataError: the data set is missing or broken, or the cache cannot be written.
    """
    if not 16 <= image_size <= 4096:
        raise ConfigError(f"image_size is {image_size}; it must be 16 to 4096 pixels.")
    if cache_dir is not None and not isinstance(cache_dir, str | Path):
        raise ConfigError(f"data.cache_dir is {cache_dir!r}; it must be the path of a folder, or null.")
    fields = dict(settings)
    name = fields.pop("name", "synthetic")
    folder = default_cache_dir() if cache_dir is None else Path(cache_dir).expanduser()
    if name == "synthetic":
        return open_synthetic(build_settings(SyntheticSettings, fields, "data"), image_size, folder)
    if name == "coco":
        if not fields.get("root"):
            raise ConfigError("data.root is not set; it is the folder that holds the COCO-format data set.")
        return open_coco(build_settings(CocoSettings, fields, "data"), image_size, folder)
    raise ConfigError(f"unknown data set {name!r}{suggestion(name, DATASETS)}; there are: {', '.join(DATASETS)}.")
