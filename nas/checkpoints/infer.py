"""Infer how large a detector is from the shapes of its weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from nas.detectors.backbones import FAMILIES
from nas.detectors.backbones.blocks import BLOCKS
from nas.detectors.parts import Role
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError
from search_spaces.settings import SettingError, as_yaml, fits
from search_spaces.vocabulary import BLOCK_TYPES

Shapes = Mapping[Role, Sequence[int]]
NICE_DIGITS = 6


def infer_scaling(shapes: Shapes, architecture: Architecture, head: str, anchors: int) -> tuple[dict[str, Any], int]:
    """The fields of the scaling that follow from the shapes, and the number of classes.

    Args:
        shapes: role -> shape, with axes in this project's order.
        anchors: number of anchors at a position in the head.

    Raises:
        ConfigError: no single width, or no single alpha, gives all the shapes.
    """
    fields: dict[str, Any] = {"width": infer_width(shapes, architecture)}
    if FAMILIES[architecture.family].narrows:
        fields["alpha"] = _alpha(shapes, architecture)
    level = min(architecture.outputs)
    ends = (Role("endpoint", part="kernel", level=level), Role("pyramid", "lateral", "kernel", level=level))
    fields["endpoints"] = next(shapes[end][0] for end in ends if end in shapes)
    if head == "retinanet":
        if (channels := _rows(shapes, Role("class_tower", "conv", index=0))) is not None:
            fields["head_channels"] = channels
        return fields, (_rows(shapes, Role("class_predictor")) or anchors) // anchors
    fields["head_channels"] = _rows(shapes, Role("rpn_tower", "conv", index=0))
    fields["fc_channels"] = _rows(shapes, Role("box_head", "fc"))
    return fields, _rows(shapes, Role("box_class_predictor")) or 0


def _rows(shapes: Shapes, layer: Role) -> int | None:
    """Output channels of a plain or separable convolution; None if it has no shape."""
    plain, separable = (replace(layer, part="kernel", factor=factor) for factor in ("", "pointwise"))
    shape = shapes.get(separable, shapes.get(plain))
    return None if shape is None else shape[0]


def infer_width(shapes: Shapes, architecture: Architecture) -> float | None:
    """The width of fewest digits that gives the channels of all blocks; None if a block has no shape.

    The stem's blocks count only if there are no others.

    Raises:
        ConfigError: no width gives all the channels.
    """
    blocks = [index for index in architecture.live_nodes if architecture.nodes[index].block_type in BLOCKS]
    found = []
    for index in [index for index in blocks if index >= len(architecture.stem)] or blocks:
        node = architecture.nodes[index]
        unit = BLOCKS[node.block_type]
        shape = shapes.get(Role("block", unit.last, "kernel", node=index, index=0))
        if shape is None:
            return None
        found.append((FAMILIES[architecture.family].widths[node.level], shape[0] // unit.expansion))
    return _roundest(found, "width")


def _alpha(shapes: Shapes, architecture: Architecture) -> float:
    found = []
    for index in architecture.live_nodes[len(architecture.stem) :]:
        for parent in architecture.nodes[index].parents:
            narrow, channels = shapes[Role("connection", "narrow", "kernel", node=index, parent=parent)][:2]
            found.append((channels // BLOCK_TYPES[architecture.nodes[parent].block_type].expansion, narrow))
    return _roundest(found, "alpha")


def _roundest(pairs: Sequence[tuple[int, int]], name: str) -> float:
    """The factor of fewest digits for which ``int(base * factor) == product`` for all (base, product).

    Raises:
        ConfigError: there is none.
    """
    low = max(product / base for base, product in pairs)
    for digits in range(NICE_DIGITS + 1):
        factor = math.ceil(low * 10**digits - 1e-9) / 10**digits
        if all(int(base * factor) == product for base, product in pairs):
            return factor
    raise ConfigError(
        f"checkpoint: no {name} gives the channels of all its layers; it is of another architecture than the given one."
    )


def check_given(given: Mapping[str, Any], found: Mapping[str, Any], architecture: Architecture) -> None:
    """Check that what the user gave agrees with what the checkpoint says.

    A width or alpha agrees if it gives the same channels.

    Raises:
        ConfigError: a value does not agree; the sentence names both.
    """
    widths = FAMILIES[architecture.family].widths.values()
    bases = {"width": list(widths), "alpha": [int(base * found["width"]) for base in widths]}
    for name, value in given.items():
        if value is None or name not in found:
            continue
        same = value == found[name] or (name in bases and _same_channels(value, found[name], bases[name]))
        if not same:
            raise SettingError(
                name,
                f"is {as_yaml(value)}; the checkpoint's shapes say {as_yaml(found[name])}; leave it out, or give that.",
            )


def _same_channels(value: Any, found: float, bases: Iterable[int]) -> bool:
    """Whether a factor gives the channels of ``found``; what is no number does not."""
    return fits(value, float) and all(int(base * value) == int(base * found) for base in bases)
