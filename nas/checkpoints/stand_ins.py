"""Stand-ins for what lies beside the weights in a PyTorch file: NumPy's scalars, objects of the code that trained them.

PyTorch unpickles tensors and plain values alone and refuses a file that names any other class or function. Here such a
name is given a class that forgets all that it is told, so the weights can be read, and nothing that a file names is
imported or called.
"""

from __future__ import annotations

import _compat_pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LEGACY_PICKLES = 5  # before the values: a magic number, the format's version, the system, the content, the keys


def stand_ins(path: Path) -> list[tuple[type, str]]:
    """A class for each class or function that a file names, and that name, for ``torch.serialization.safe_globals``.

    PyTorch's own list of safe ones goes before them.

    Raises:
        Exception: the file holds no pickles; their errors are of many kinds.
    """
    return [(_IgnoredTable if name.lower().endswith("dict") else _Ignored, name) for name in _names_in(path)]


class _Ignored(list):  # a list may be appended to, and so may objects of some classes
    """Stands for an object of a class that is not known; forgets all that it is given."""

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def __setstate__(self, state: Any) -> None:
        """Forget the state."""


class _IgnoredTable:
    """Makes a plain dictionary in place of one of a class that is not known; nothing else may be filled by key."""

    def __new__(cls, *_: Any) -> OrderedDict[Any, Any]:  # type: ignore[misc]
        return OrderedDict()


def _names_in(path: Path) -> set[str]:
    """The classes and functions that the pickles of a PyTorch file name, read without unpickling.

    Python 2 knew some by other names, which PyTorch translates; both are given.
    """
    found: set[str] = set()
    for operation, argument, _ in _operations(path):
        if operation.name == "GLOBAL":
            module, name = str(argument).split(" ", 1)
            now = _compat_pickle.NAME_MAPPING.get((module, name))
            translated = now or (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            found |= {f"{module}.{name}", ".".join(translated)}
    return found


def _operations(path: Path) -> Iterator[tuple[pickletools.OpcodeInfo, Any, int | None]]:
    """The operations of all pickles in a file of either format, zip or the one before PyTorch 1.6."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith("data.pkl"):
                    yield from pickletools.genops(archive.read(name))
        return
    with path.open("rb") as file:
        for _ in range(_LEGACY_PICKLES):
            yield from pickletools.genops(file)
