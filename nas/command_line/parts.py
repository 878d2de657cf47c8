"""From a configuration to objects: the space, the controller, the proxy and the data set of a command.

Below this module nobody sees a dictionary of settings. Whatever has a large library behind it is imported when it is
made, see :mod:`search_spaces.kinds`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import controllers
import proxies
import search_spaces
from controllers.base import Controller
from nas.command_line.config import Config
from nas.datasets.annotated_settings import AnnotatedSettings
from nas.datasets.dataset import DetectionData
from nas.datasets.registry import annotated_settings, open_data
from nas.datasets.splits import open_split
from proxies.base import Proxy
from search_spaces.base import SearchSpace
from search_spaces.errors import ConfigError
from search_spaces.kinds import find


def make_space(config: Config) -> SearchSpace:
    """The search space of a configuration with ``space``.

    Raises:
        ConfigError: an unknown setting, or a value of the wrong type.
        SpaceError: a setting is out of range.
    """
    return search_spaces.build(**config["space"])


def make_controller(config: Config, space: SearchSpace) -> Controller:
    """A fresh controller of a configuration with ``controller`` and ``seed``.

    Raises:
        ConfigError: an unknown setting, or a value of the wrong type or out of range.
    """
    return controllers.build(space=space, seed=config["seed"], **without_name(config["controller"]))


def proxy_factory(config: Config) -> Callable[[], Proxy]:
    """What makes the proxy of a configuration with ``proxy``, ``data`` and ``space``, here or, pickled, in a worker.

    Of data and space, a proxy gets what its settings have a field for.
    """
    settings = without_name(config["proxy"])
    fields = find("proxy", proxies.PROXIES, settings["kind"]).setting_names
    data, cache_dir = data_settings(config)
    offered = {"data": data, "cache_dir": cache_dir, "space": dict(config["space"])}
    given = {key: value for key, value in offered.items() if key in fields}
    return partial(proxies.build, **{**settings, **given})


def proxy_anywhere(config: Config) -> Callable[[], Proxy]:
    """What :func:`proxy_factory` gives, with absolute paths, for workers that are started in another folder."""
    paths = {key: config["data"].get(key) for key in ("root", "cache_dir")}
    absolute = {
        key: os.path.abspath(os.path.expanduser(path)) for key, path in paths.items() if isinstance(path, str) and path
    }
    return proxy_factory({**config, "data": {**config["data"], **absolute}})


def prefilter_factory(config: Config) -> Callable[[], Proxy] | None:
    """What makes the filter of a configuration with ``prefilter``, as :func:`proxy_anywhere`; None for null.

    It computes where the proxy does, unless it is given a device of its own.
    The sentences of its errors begin with ``prefilter``.
    """
    if config["prefilter"] is None:
        return None
    settings = config["prefilter"]
    if settings.get("device") == "auto":
        settings = on_device_of(config["proxy"], settings)
    return partial(_make_prefilter, proxy_anywhere({**config, "proxy": settings}))


def on_device_of(proxy: Config, settings: Config) -> Config:
    """The settings of a proxy, on the device of another one; as they are where either has none to set."""
    return {**settings, "device": proxy["device"]} if "device" in proxy and "device" in settings else settings


def make_data(config: Config, image_size: int) -> DetectionData:
    """The training split of a configuration with ``data``, with images of ``image_size`` pixels a side.

    Raises:
        ConfigError: an unknown setting, or a value of the wrong type or out of range.
        DataError: the data set is missing or broken, or its cache cannot be written.
    """
    data, cache_dir = data_settings(config)
    return open_data(data, image_size, cache_dir)


def make_split(config: Config, image_size: int) -> tuple[DetectionData, tuple[int, ...]]:
    """The data set of a configuration with ``data``, and the indices of the images of its ``split``.

    Of the configuration ``reserved_images`` and ``reserve_seed`` are read too. Errors are those of :func:`make_data`.
    """
    data, cache_dir = data_settings(config)
    split, images, seed = (config[key] for key in ("split", "reserved_images", "reserve_seed"))
    return open_split(data, image_size, cache_dir, split, images, seed)


def annotated_data(config: Config) -> AnnotatedSettings:
    """The checked settings of a data set that lies in files, of a configuration with ``data``.

    Raises:
        ConfigError: a setting is unknown, wrong or missing, or the data set lies in no files.
    """
    return annotated_settings(data_settings(config)[0])


def without_name(settings: Mapping[str, Any]) -> Config:
    """The settings of a part without its name, which is a label: kind and settings say what the part is."""
    return {key: value for key, value in settings.items() if key != "name"}


def _make_prefilter(make_proxy: Callable[[], Proxy]) -> Proxy:
    try:
        return make_proxy()
    except ConfigError as error:
        raise ConfigError(f"prefilter: {error}") from None


def data_settings(config: Config) -> tuple[Config, Any]:
    """Kind and settings of the data set, and the folder of its cache."""
    settings = without_name(config["data"])
    return settings, settings.pop("cache_dir", None)
