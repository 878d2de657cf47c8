"""Data sets by kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nas.datasets.annotated_settings import AnnotatedSettings
from nas.datasets.cache import default_cache_dir
from nas.datasets.dataset import DetectionData
from search_spaces.errors import ConfigError
from search_spaces.kinds import Kind, check_settings, find
from search_spaces.settings import SettingError, as_yaml, integer, one_of, within

DATASETS: Mapping[str, Kind] = {
    "coco": Kind("nas.datasets.coco:CocoSettings", "nas.datasets.coco:open_coco"),
    "folder": Kind("nas.datasets.folder:FolderSettings", "nas.datasets.folder:open_folder"),
    "synthetic": Kind("nas.datasets.synthetic:SyntheticSettings", "nas.datasets.synthetic:open_synthetic"),
}
"""Kind -> its settings, and what opens the data set from settings, image size, cache folder and split."""
LIVE = ("coco", "folder")
"""Kinds whose pictures are files, which can be decoded when they are asked for."""
STORED_SPLITS = ("train", "val")


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
        split: ``"train"``, or ``"val"``, which no search and no training learns from.
        live: decode images when they are asked for and keep none; of a kind of ``LIVE``.

    Raises:
        ConfigError: an unknown split; an unknown kind or setting, or a value of the wrong type or out of range.
        DataError: the data set is missing or broken, or the cache cannot be written.
    """
    one_of("split", split, STORED_SPLITS)
    integer("image_size", image_size)
    within("image_size", image_size, 16, 4096)
    if cache_dir is not None and not isinstance(cache_dir, str | Path):
        raise SettingError("data.cache_dir", f"is {as_yaml(cache_dir)}; it must be the path of a folder or null.")
    row, checked = _check(settings)
    folder = default_cache_dir() if cache_dir is None else Path(cache_dir).expanduser()
    data: DetectionData = row.maker(checked, image_size, folder, split, **({"live": True} if live else {}))
    return data


def annotated_settings(settings: Mapping[str, Any]) -> AnnotatedSettings:
    """The checked settings of a data set that lies in files; ``settings`` are as in :func:`open_data`.

    Raises:
        ConfigError: as there; or the data set is one that is made.
    """
    _, checked = _check(settings)
    if not isinstance(checked, AnnotatedSettings):
        raise ConfigError(
            f"data is of the kind {settings['kind']}, which lies in no files; give data=folder data.root=DIR."
        )
    return checked


def _check(settings: Mapping[str, Any]) -> tuple[Kind, Any]:
    """The row of a data set and its checked settings."""
    if "kind" not in settings:
        raise ConfigError(f"data.kind is missing; it must be one of: {', '.join(sorted(DATASETS))}.")
    row = find("data set", DATASETS, settings["kind"])
    values = {key: value for key, value in settings.items() if key != "kind"}
    if "root" in row.setting_names and not values.get("root"):
        raise ConfigError("data.root is not set; it is the folder that holds the data set.")
    return row, check_settings("data", row, values)
