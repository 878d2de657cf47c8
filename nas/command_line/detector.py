"""From a configuration to a detector: by name, from an architecture file, or from a file of weights.

A command that takes a detector has ``arch``, ``weights``, ``head``, ``classes`` and the settings of the scaling, null
where they are not given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch

from nas.command_line.config import Config
from nas.detectors import PUBLISHED, Network, Scaling, build_detector, load_detector
from nas.detectors.build import load_published
from nas.detectors.sizes import Size, check_image_size, read_size
from search_spaces.errors import ConfigError
from search_spaces.settings import as_yaml

SCALING_KEYS = tuple(field.name for field in dataclasses.fields(Scaling))
SIZES = ("width", "alpha", "repeats", "endpoints", "head_channels", "head_depth")
"""What a published name says of the weights of a detector."""
DEFAULT_HEAD = "retinanet"
DEFAULT_CLASSES = {"classifier": 1001}
"""ImageNet's with the background; 91 otherwise, COCO's."""


def make_detector(config: Config, with_values: bool = True) -> Network:
    """The detector of ``weights``, or a new one of ``arch``, seeded with 0.

    Args:
        config: null settings are those of the weights, of the published name, or the defaults.
        with_values: False builds a new detector on PyTorch's meta device, enough to count what it costs.

    Raises:
        ArchitectureError: no such name and no such file, or the file holds no valid architecture.
        ConfigError: a setting is out of range, or disagrees with the weights.
    """
    changed = {key: config[key] for key in SCALING_KEYS if config[key] is not None}
    if config["weights"] is not None:
        return _with_weights(config, changed)
    head = config["head"] or DEFAULT_HEAD
    architecture, scaling = load_published(str(config["arch"]), head)
    classes = config["classes"] if config["classes"] is not None else DEFAULT_CLASSES.get(head, 91)
    torch.manual_seed(0)
    with torch.device("cpu" if with_values else "meta"):
        return build_detector(architecture, dataclasses.replace(scaling, **changed), head, classes)


def _with_weights(config: Config, changed: Mapping[str, Any]) -> Network:
    """The detector of the weights, which bring all settings; the given ones must agree."""
    path = str(config["weights"])
    detector = load_detector(path)
    own = {"head": detector.head_name, "classes": detector.classes, **dataclasses.asdict(detector.scaling)}
    wanted = {key: config[key] for key in ("head", "classes") if config[key] is not None} | dict(changed)
    if config["arch"] is not None:
        wanted = _wanted_by_name(str(config["arch"]), detector, path) | wanted
    for key, value in wanted.items():
        if own[key] != value:
            given = key if config[key] is not None else "arch"
            raise ConfigError(
                f"weights {path}: their {key} is {as_yaml(own[key])}, not {as_yaml(value)}; leave {given} out."
            )
    return detector


def _wanted_by_name(name: str, detector: Network, path: str) -> dict[str, Any]:
    """The settings that a published name asks for; a file asks for its architecture alone."""
    architecture, scaling = load_published(name, detector.head_name)
    if architecture.fingerprint != detector.architecture.fingerprint:
        raise ConfigError(f"weights {path}: they are of another architecture than {name}; leave arch out.")
    return {key: getattr(scaling, key) for key in SIZES} if name in PUBLISHED else {}


def read_image_size(value: Any, detector: Network) -> Size:
    """(height, width) from a side or ``[height, width]``, in pixels.

    Raises:
        ConfigError: it is neither, or a side is no multiple of the finest endpoint's stride, or of what the detector
            needs.
    """
    size = read_size(value)
    check_image_size(size, max(2**detector.architecture.min_level, detector.backbone.multiple))
    return size
