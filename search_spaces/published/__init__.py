"""Published architectures by name, each a JSON file beside this one with its source."""

from __future__ import annotations

from pathlib import Path

from search_spaces.architecture import Architecture
from search_spaces.architecture import load as load_file
from search_spaces.errors import ArchitectureError, suggestion

FOLDER = Path(__file__).parent
SAME_GRAPH = {
    "spinenet-49s": "spinenet-49",
    "spinenet-96": "spinenet-49",
    "spinenet-143": "spinenet-49",
    "spinenet-143l": "spinenet-49",
    "spinenet-190": "spinenet-49",
    "spinenet-mobile-49xs": "spinenet-mobile-49",
    "spinenet-mobile-49s": "spinenet-mobile-49",
}
"""Published networks that are scaled versions of another one, and so have its graph."""


def graph_name(name: str) -> str:
    """The name of the architecture file that holds a published network's graph."""
    return SAME_GRAPH.get(name, name)


def published_names() -> tuple[str, ...]:
    """Names of the published architectures, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load(name_or_file: str | Path) -> Architecture:
    """A published architecture by name, or the architecture in a JSON file.

    Raises:
        ArchitectureError: there is no such name and no such file, or the file holds no valid architecture.
    """
    text = str(name_or_file)
    name = graph_name(text)
    if name in published_names():
        return load_file(FOLDER / f"{name}.json")
    if Path(text).suffix == ".json" or Path(text).exists():
        return load_file(text)
    names = sorted({*published_names(), *SAME_GRAPH})
    raise ArchitectureError(
        f"unknown architecture {text!r}{suggestion(text, names)}; give a .json file or one of: {', '.join(names)}."
    )
