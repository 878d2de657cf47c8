"""Data sets by kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.datasets.cache import default_cache_dir
from nas.datasets.dataset import DetectionData
from search_spaces.errors import ConfigError
from search_spaces.kinds import Kind, check_settings, find
from search_spaces.settings import SettingError, as_yaml, integer, within

DATASETS: Mapping[str, Kind] = {
    "coco": Kind("nas.datasets.coco:CocoSettings", "nas.datasets.coco:open_coco"),
    "synthetic": Kind("nas.datasets.synthetic:SyntheticSettings", "nas.datasets.synthetic:open_synthetic"),
}
"""Kind -> its settings, and what opens the data set from settings, image size and cache folder."""
LIVE = ("coco",)
"""Kinds whose pictures are files, which can be decoded when they are asked for."""


def open_data(
    settings: Mapping[str, Any],
    image_size: int,
    cache_dir: str | Path | None = None,
    split: str = "train",
    live: bool = False,
) -> DetectionData:
    """A split of the data set that ``settings`` describe, decoded once into the cache.

    Args:
        settings: ``kind`` (one of ``DATASETS``) and fields of its dataclass.
        image_size: side of the square images in pixels.
        cache_dir: where decoded images are kept; None means :func:`default_cache_dir`.
        split: ``"train"`` or, of a kind that has it, ``"val"``.
        live: decode images when they are asked for and keep none; of a kind of ``LIVE``.

    Raises:
        ConfigError: an unknown kind or setting, or a value of the wrong type or out of range.
        DataError: the data set is missing or broken, or the cache cannot be written.
    """
    integer("image_size", image_size)
    within("image_size", image_size, 16, 4096)
    if cache_dir is not None and not isinstance(cache_dir, str | Path):
        raise SettingError("data.cache_dir", f"is {as_yaml(cache_dir)}; it must be the path of a folder or null.")
    if "kind" not in settings:
        raise ConfigError(f"data.kind is missing; it must be one of: {', '.join(sorted(DATASETS))}.")
    row = find("data set", DATASETS, settings["kind"])
    values = {key: value for key, value in settings.items() if key != "kind"}
    if "root" in row.setting_names and not values.get("root"):
        raise ConfigError("data.root is not set; it is the folder that holds the data set.")
    folder = default_cache_dir() if cache_dir is None else Path(cache_dir).expanduser()
    options = {**({"split": split} if split != "train" else {}), **({"live": True} if live else {})}
    data: DetectionData = row.maker(check_settings("data", row, values), image_size, folder, **options)
    return data
