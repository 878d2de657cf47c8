"""Build the network of an architecture: a backbone and a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import search_spaces
from nas.detectors.backbones import FAMILIES, build_backbone
from nas.detectors.detector import Backbone, Network
from nas.detectors.heads import Classifier, MaskRCNN, RetinaNet
from nas.detectors.published import PUBLISHED
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture
from search_spaces.kinds import find
from search_spaces.settings import SettingError, as_yaml, fits

HEADS: Mapping[str, Callable[[Backbone, Scaling, int], Network]] = {
    head.head_name: head for head in (RetinaNet, MaskRCNN, Classifier)
}
"""Name of a head -> what makes a network from a backbone, a scaling and a number of classes."""

MOST_CLASSES = 1_000_000


def build_detector(
    architecture: Architecture | str | Path, scaling: Scaling | None = None, head: str = "retinanet", classes: int = 91
) -> Network:
    """A randomly initialised network: a detector, or with ``head="classifier"`` a classifier.

    Args:
        architecture: an architecture, the name of a published detector, or an architecture file.
        scaling: how large it is; by default that of the name, or :func:`default_scaling` if no name is given.
        head: one of ``HEADS``.
        classes: number of classes, including the background, which is class 0.

    Raises:
        ArchitectureError: there is no such name and no such file, or the file holds no valid architecture.
        ConfigError: the head is unknown, the number of classes is out of range, or a width leaves no channel.
    """
    make_network = find("head", HEADS, head)
    if not fits(classes, int) or not 2 <= classes <= MOST_CLASSES:
        right = "an integer from 2 to a million, including the background"
        raise SettingError("classes", f"is {as_yaml(classes)}; it must be {right}.")
    if isinstance(architecture, Architecture):
        default = default_scaling(architecture)
    else:
        architecture, default = load_published(architecture, head)
    scaling = (scaling or default).resolved(head)
    return make_network(build_backbone(architecture, scaling), scaling, classes)


def default_scaling(architecture: Architecture) -> Scaling:
    """The scaling of the medium-sized published detector in an architecture's family."""
    return PUBLISHED[FAMILIES[architecture.family].default].scaling


def load_published(name_or_file: str | Path, head: str = "retinanet") -> tuple[Architecture, Scaling]:
    """Architecture and scaling of a published detector, or a file's architecture with :func:`default_scaling`.

    Args:
        head: the head that the detector will have; some published detectors have another scaling with another head.

    Raises:
        ArchitectureError: there is no such name and no such file, or the file holds no valid architecture.
    """
    text = str(name_or_file)
    if text in PUBLISHED:
        name, scaling = PUBLISHED[text].for_head(head)
        return search_spaces.load(name), scaling
    architecture = search_spaces.load(text)
    return architecture, default_scaling(architecture)
