"""Neural architecture search for object detection: from a search space to a detector.

The names below are loaded when first used, so that a command that needs no network never imports torch.
"""

import os
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[1]
_PACKAGES = ("controllers", "nas", "proxies", "search_spaces")


class _OwnPackages:
    """Finds the project's packages where this one lies, before folders and files of the user that have their names."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return PathFinder.find_spec(name, [str(_ROOT)]) if name in _PACKAGES else None


def _leave_out_current_folder() -> None:
    """Take the current folder off the path of a command: what lies there (``ray/``, ``random.py``) is the user's.

    ``python -m`` puts it first. Until it has found the command's module, ``sys.argv`` begins with ``-m``.
    """
    if sys.argv[:1] == ["-m"] and not sys.flags.safe_path and sys.path and Path(sys.path[0]) != _ROOT:
        del sys.path[0]


def _leave_out_missing_cache() -> None:
    """Let torch keep what it compiles in its temporary folder where the folder that is named for that cannot be made.

    Otherwise torchvision cannot be imported.
    """
    if folder := os.environ.get("TORCHINDUCTOR_CACHE_DIR"):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError:
            del os.environ["TORCHINDUCTOR_CACHE_DIR"]


sys.meta_path.insert(0, _OwnPackages)
_leave_out_current_folder()
_leave_out_missing_cache()

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
