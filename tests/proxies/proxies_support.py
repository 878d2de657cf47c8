"""What the tests of proxies measure: one small architecture as a tiny detector, on a few drawn images."""

from pathlib import Path
from typing import Any

import numpy as np

import proxies
import search_spaces
from proxies.base import Proxy

ARCHITECTURE = search_spaces.build("toy").sample(np.random.default_rng(0))
TINY: dict[str, Any] = {
    "data": {"kind": "synthetic", "images": 16},
    "image_size": 32,
    "batch_size": 4,
    "device": "cpu",
    "scaling": {"width": 0.125, "endpoints": 8, "head_channels": 8, "head_depth": 1},
}


def tiny(kind: str, cache: Path, **settings: Any) -> Proxy:
    """A proxy of a kind on images with the settings of ``TINY`` and those that are given."""
    return proxies.build(kind, **{**TINY, "cache_dir": str(cache), **settings})
