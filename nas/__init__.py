"""Neural architecture search for object detection: from a search space to a detector.

The names below are loaded when first used, so that a command that needs no network never imports torch.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "load": "search_spaces",
    "Scaling": "nas.detectors",
    "build_detector": "nas.detectors",
    "load_detector": "nas.detectors",
    "optimise": "nas.detectors",
    "cost": "nas.detectors",
}
__all__ = ["Scaling", "build_detector", "cost", "load", "load_detector", "optimise"]


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nas' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
