"""Proxies by name."""

from __future__ import annotations

from typing import Any

from nas.datasets.settings import build_settings, suggestion
from proxies.base import Proxy
from search_spaces.errors import ConfigError

PROXIES = ("detection", "synthetic")


def build(name: str, **settings: Any) -> Proxy:
    """The proxy called ``name``; ``settings`` are plain values, so it can be built again in a worker process.

    Raises:
        ConfigError: an unknown name or setting, or a setting out of range.
    """
    if name == "detection":
        from proxies.detection import DetectionProxy, ProxySettings

        return DetectionProxy(build_settings(ProxySettings, settings, "proxy"))
    if name == "synthetic":
        from proxies.synthetic import SyntheticProxy

        try:
            return SyntheticProxy(**settings)
        except TypeError as error:
            raise ConfigError(f"proxy synthetic: {error}.") from None
    raise ConfigError(f"unknown proxy {name!r}{suggestion(name, PROXIES)}; there are: {', '.join(PROXIES)}.")
