"""Proxies by name."""

from __future__ import annotations

from typing import Any

from proxies.base import Proxy
from search_spaces.errors import ConfigError, suggestion
from search_spaces.settings import build_settings

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
