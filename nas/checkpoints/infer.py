"""How large a detector is, read off the shapes of its weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nas.detectors.scaling import BOTTLENECK_EXPANSION, LEVEL_WIDTHS
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError

Shapes = Mapping[str, Sequence[int]]
NICE_DIGITS = 6


def infer_scaling(shapes: Shapes, architecture: Architecture, head: str, anchors: int) -> tuple[dict[str, Any], int]:
    """Fields of the scaling that shapes decide on, and the number of classes.

    Args:
        shapes: slot (see :mod:`nas.checkpoints.slots`) -> shape, in this project's order of axes.
        anchors: at a position, in the head.

    Raises:
        ConfigError: no one width or alpha gives all the shapes.
    """
    fields: dict[str, Any] = {"width": infer_width(shapes, architecture)}
    if architecture.family == "spinenet":
        fields["alpha"] = _alpha(shapes, architecture)
    level = min(architecture.outputs)
    endpoint = f"pyramid.lateral{level}.kernel" if architecture.family == "resnet-fpn" else f"endpoint{level}.kernel"
    fields["endpoints"] = shapes[endpoint][0]
    if head == "retinanet":
        if (channels := _rows(shapes, "class_tower.conv0")) is not None:
            fields["head_channels"] = channels
        return fields, (_rows(shapes, "class_predictor") or anchors) // anchors
    fields["head_channels"] = _rows(shapes, "rpn_tower.conv0")
    fields["fc_channels"] = _rows(shapes, "box_head.fc")
    return fields, _rows(shapes, "box_class_predictor") or 0


def _rows(shapes: Shapes, role: str) -> int | None:
    """Output channels of a convolution, plain or separable."""
    shape = shapes.get(f"{role}.pointwise.kernel", shapes.get(f"{role}.kernel"))
    return None if shape is None else shape[0]


def infer_width(shapes: Shapes, architecture: Architecture) -> float:
    """The roundest width whose products, rounded down, are the channels of all blocks, the stem's apart.

    Raises:
        ConfigError: no width gives them all.
    """
    found = []
    for index in architecture.live_nodes:
        node = architecture.nodes[index]
        if node.block_type == "fpn" or (index < len(architecture.stem) and architecture.family != "resnet-fpn"):
            continue
        last = {"bottleneck": "expand", "residual": "second", "mbconv": "project"}[node.block_type]
        channels = shapes[f"node{index}.block0.{last}.kernel"][0]
        if node.block_type == "bottleneck":
            channels //= BOTTLENECK_EXPANSION
        found.append((LEVEL_WIDTHS[architecture.family][node.level], channels))
    return _roundest(found, "width")


def _alpha(shapes: Shapes, architecture: Architecture) -> float:
    found = []
    for index in architecture.live_nodes[len(architecture.stem) :]:
        for parent in architecture.nodes[index].parents:
            narrow, channels = shapes[f"connection{parent}-{index}.narrow.kernel"][:2]
            bottleneck = architecture.nodes[parent].block_type == "bottleneck"
            found.append((channels // BOTTLENECK_EXPANSION if bottleneck else channels, narrow))
    return _roundest(found, "alpha")


def _roundest(pairs: Sequence[tuple[int, int]], name: str) -> float:
    """The factor of fewest digits with ``int(base * factor) == product`` for all (base, product).

    Raises:
        ConfigError: there is none.
    """
    low = max(product / base for base, product in pairs)
    for digits in range(NICE_DIGITS + 1):
        factor = math.ceil(low * 10**digits - 1e-9) / 10**digits
        if all(int(base * factor) == product for base, product in pairs):
            return factor
    raise ConfigError(
        f"checkpoint: no {name} gives the channels of all its layers; they are of another architecture than that given."
    )


def check_given(given: Mapping[str, Any], found: Mapping[str, Any], architecture: Architecture) -> None:
    """What the user gave must agree with what the checkpoint says; a width or alpha does if it gives the same channels.

    Raises:
        ConfigError: a value does not; the sentence names both.
    """
    widths = LEVEL_WIDTHS[architecture.family].values()
    bases = {"width": list(widths), "alpha": [int(base * found["width"]) for base in widths]}
    for name, value in given.items():
        if value is None or name not in found:
            continue
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        same = value == found[name] or (
            name in bases and is_number and all(int(base * value) == int(base * found[name]) for base in bases[name])
        )
        if not same:
            raise ConfigError(
                f"{name} is {value!r}; the checkpoint's shapes say {found[name]!r}. Leave it out, or give that."
            )
