"""Compile an architecture to a detector."""

from __future__ import annotations

from pathlib import Path

import search_spaces
from nas.detectors.retinanet import Detector
from nas.detectors.scaling import PUBLISHED, Scaling
from search_spaces.architecture import Architecture
from search_spaces.errors import ArchitectureError, ConfigError, suggestion

HEADS = {"retinanet": Detector}


def build_detector(
    architecture: Architecture | str | Path, scaling: Scaling | None = None, head: str = "retinanet", classes: int = 91
) -> Detector:
    """A randomly initialised detector.

    Args:
        architecture: an architecture, the name of a published detector, or an architecture file.
        scaling: how large; by default what the name brings, and SpineNet-49's scaling otherwise.
        head: ``"retinanet"``.
        classes: number of classes with the background, which is class 0.

    Raises:
        ArchitectureError: no such name and no such file, or the file holds no valid architecture.
        ConfigError: unknown head, or fewer than 2 classes.
    """
    if head not in HEADS:
        raise ConfigError(f"unknown head {head!r}; there is: {', '.join(sorted(HEADS))}.")
    if not isinstance(classes, int) or isinstance(classes, bool) or classes < 2:
        raise ConfigError(f"classes is {classes!r}; it must be an integer of at least 2, the background included.")
    default = Scaling()
    if not isinstance(architecture, Architecture):
        architecture, default = load_published(architecture)
    return HEADS[head](architecture, scaling or default, classes)


def load_published(name_or_file: str | Path) -> tuple[Architecture, Scaling]:
    """Architecture and scaling of a published detector, or a file's architecture with SpineNet-49's scaling.

    Raises:
        ArchitectureError: no such name and no such file, or the file holds no valid architecture.
    """
    text = str(name_or_file)
    if text in PUBLISHED:
        name, scaling = PUBLISHED[text]
        return search_spaces.load(name), scaling
    if text in search_spaces.published_names() or Path(text).suffix == ".json" or Path(text).exists():
        return search_spaces.load(text), Scaling()
    names = sorted(PUBLISHED)
    raise ArchitectureError(
        f"unknown architecture {text!r}{suggestion(text, names)}; give a .json file or one of: {', '.join(names)}."
    )
