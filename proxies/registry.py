"""Proxies by kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxies.base import Proxy
from search_spaces.kinds import Kind, check_settings, find

PROXIES: Mapping[str, Kind] = {
    "detection": Kind("proxies.detection:ProxySettings", "proxies.detection:DetectionProxy"),
    "loss": Kind("proxies.loss:LossSettings", "proxies.loss:LossProxy"),
    "synthetic": Kind("proxies.synthetic:SyntheticProxy"),
    "zero_cost": Kind("proxies.zero_cost:ZeroCostSettings", "proxies.zero_cost:ZeroCostProxy"),
}
"""Kind -> its settings, and what makes a proxy from them."""


def build(kind: str, **settings: Any) -> Proxy:
    """A proxy of a kind of ``PROXIES``; ``settings`` are plain values, so it can be built again in a worker process.

    Raises:
        ConfigError: an unknown kind or setting, or a value of the wrong type or out of range.
    """
    row = find("proxy", PROXIES, kind)
    proxy: Proxy = row.maker(check_settings("proxy", row, settings))
    return proxy
