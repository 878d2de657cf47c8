"""TF Model Garden's TF2 checkpoints (``official/vision``): which key holds which role.

Two layouts exist: ``Checkpoint(model=model)`` and the trainer's, which names backbone, decoder and heads at the top.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from nas.checkpoints.keras_order import mobile_order, pyramid_order, resnet_order, spinenet_order
from nas.checkpoints.read import Arrays
from nas.checkpoints.tensorflow_keys import NORM_NAMES, count, structure_fields
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
BLOCK_LAYERS = {
    "bottleneck": {"reduce": ("_conv1", "_norm1"), "conv": ("_conv2", "_norm2"), "expand": ("_conv3", "_norm3")},
    "residual": {"first": ("_conv1", "_norm1"), "second": ("_conv2", "_norm2")},
    "mbconv": {"expand": ("_conv0", "_norm0"), "depthwise": ("_conv1", "_norm1"), "project": ("_conv2", "_norm2")},
}
SHORTCUT = ("_shortcut", "_norm0")
HEADS = {
    "retinanet": {"class_tower": ("head", "_cls"), "box_tower": ("head", "_box")},
    "mask_rcnn": {"rpn_tower": ("rpn_head", "")},
}
PREDICTORS = {
    "class_predictor": "head/_classifier",
    "box_predictor": "head/_box_regressor",
    "rpn_class_predictor": "rpn_head/_classifier",
    "rpn_box_predictor": "rpn_head/_box_regressor",
    "box_class_predictor": "detection_head/_classifier",
    "box_box_predictor": "detection_head/_box_regressor",
    "mask_predictor": "mask_head/_mask_regressor",
}


def is_training_state(key: str) -> bool:
    """Whether a key belongs to the training, not to the network."""
    return (
        "OPTIMIZER_SLOT" in key or re.match(r"(optimizer/|global_step|save_counter|_CHECKPOINTABLE)", key) is not None
    )


def structure(arrays: Arrays, architecture: Architecture, head: str) -> dict[str, Any]:
    """Fields of the scaling that the keys decide on: repeats, depths, kind of convolution.

    Raises:
        ConfigError: the checkpoint is not one of TF Model Garden's detectors with this head.
    """
    prefixes = _prefixes(arrays, architecture, head)
    first = "_conv0" if architecture.family == "mobile" else "_conv1"
    blocks = count(arrays, rf"{re.escape(prefixes['backbone'])}layer_with_weights-(\d+)/{first}/kernel")
    nodes = len(architecture.stem) if architecture.family == "resnet-fpn" else len(architecture.live_nodes)
    if blocks == 0 or blocks % nodes:
        raise ConfigError(
            f"checkpoint: it has {blocks} blocks of the architecture's kind, the architecture {nodes}; give the "
            f"architecture it is of."
        )
    name = {"retinanet": "head", "mask_rcnn": "detection_head"}[head]
    convolutions = {"retinanet": "_cls_convs", "mask_rcnn": "_convs"}[head]
    depth = rf"{re.escape(prefixes[name])}{convolutions}/(\d+)/"
    if head == "retinanet":
        return structure_fields(arrays, blocks // nodes, depth)
    mask, rpn = (rf"{re.escape(prefixes[part])}_convs/(\d+)/" for part in ("mask_head", "rpn_head"))
    return structure_fields(arrays, blocks // nodes, depth, mask, rpn)


def keys(arrays: Arrays, architecture: Architecture, head: str, repeats: int, slots: Iterable[str]) -> dict[str, str]:
    """Slot -> key in the checkpoint."""
    prefixes = _prefixes(arrays, architecture, head)
    layers = _layer_numbers(architecture, repeats)
    return {slot: _key(slot, architecture, prefixes, layers) + SUFFIX for slot in slots}


def _layer_numbers(architecture: Architecture, repeats: int) -> dict[str, tuple[str, int]]:
    """Role of a layer -> (part of the model, N)."""
    if architecture.family == "resnet-fpn":
        numbers = {role: ("backbone", at) for at, role in enumerate(resnet_order(architecture))}
        return numbers | {role: ("decoder", at) for at, role in enumerate(pyramid_order(architecture))}
    _check_buildable(architecture, repeats)
    order = mobile_order(architecture) if architecture.family == "mobile" else spinenet_order(architecture, repeats)
    return {role: ("backbone", at) for at, role in enumerate(order)}


def _check_buildable(architecture: Architecture, repeats: int) -> None:
    stem = tuple(node.level for node in architecture.stem)
    expected = (1, 2) if architecture.family == "mobile" else (2, 2)
    if stem != expected:
        raise ConfigError(f"checkpoint: TF Model Garden's stem has levels {expected}, the architecture's {stem}.")
    if architecture.family == "mobile" and repeats != 1:
        raise ConfigError("checkpoint: TF Model Garden's SpineNet-mobile with repeats computes another network.")


def _key(
    slot: str, architecture: Architecture, prefixes: Mapping[str, str], layers: Mapping[str, tuple[str, int]]
) -> str:
    role, part = slot.rsplit(".", 1)
    block = re.fullmatch(r"(node(\d+)\.block\d+)\.(.+)", role)
    if block:
        where, number = layers[block[1]]
        inner = _block_key(block[3], part, architecture.nodes[int(block[2])].block_type)
        return f"{prefixes[where]}layer_with_weights-{number}/{inner}"
    layer = f"{role}.norm" if part in NORM_NAMES else role
    if layer in layers:
        where, number = layers[layer]
        kernel = "depthwise_kernel" if re.search(r"\.down\d+$", role) else "kernel"
        return (
            f"{prefixes[where]}layer_with_weights-{number}/{NORM_NAMES.get(part, kernel if part == 'kernel' else part)}"
        )
    name, _, rest = _head_key(role, part, architecture).partition("/")
    return prefixes[name] + rest


def _block_key(layer: str, part: str, block_type: str) -> str:
    if layer.startswith("squeeze."):
        return f"_squeeze_excitation/_se_{layer.removeprefix('squeeze.')}/{part}"
    convolution, norm = SHORTCUT if layer == "projection" else BLOCK_LAYERS[block_type][layer]
    if part in NORM_NAMES:
        return f"{norm}/{NORM_NAMES[part]}"
    return f"{convolution}/{'depthwise_kernel' if layer == 'depthwise' else 'kernel'}"


def _head_key(role: str, part: str, architecture: Architecture) -> str:
    """``<head>/<rest>`` of a head's role."""
    role, kind = _separable(role)
    name = kind + part if part == "kernel" else NORM_NAMES.get(part, part)
    if role in PREDICTORS:
        return f"{PREDICTORS[role]}/{name}"
    tower, _, layer = role.partition(".")
    for towers in HEADS.values():
        if tower in towers:
            head, stem = towers[tower]
            if convolution := re.fullmatch(r"conv(\d+)", layer):
                return f"{head}/{stem}_convs/{convolution[1]}/{name}"
            at, level = layer.removeprefix("norm").split(".")
            return f"{head}/{stem}_norms/{int(level) - architecture.min_level}/{at}/{name}"
    second = {"box_head": "detection_head", "mask_head": "mask_head"}[tower]
    for pattern, place in (
        (r"conv(\d+)", "_convs/{}"),
        (r"norm(\d+)", "_conv_norms/{}"),
        (r"fc()", "_fcs/0"),
        (r"fc_norm()", "_fc_norms/0"),
        (r"deconv()", "_deconv"),
        (r"deconv_norm()", "_deconv_bn"),
    ):
        if found := re.fullmatch(pattern, layer):
            return f"{second}/{place.format(found[1])}/{name}"
    raise AssertionError(f"role {role} has no name in TF Model Garden")


def _separable(role: str) -> tuple[str, str]:
    """A role without its ``.depthwise`` or ``.pointwise``, and what TensorFlow puts before ``kernel`` for it."""
    for kind in ("depthwise", "pointwise"):
        if role.endswith(f".{kind}"):
            return role.removesuffix(f".{kind}"), f"{kind}_"
    return role, ""


def _prefixes(arrays: Arrays, architecture: Architecture, head: str) -> dict[str, str]:
    """Part of the model -> what its keys begin with, in the layout at hand."""
    parts = ["backbone"] + (["decoder"] if architecture.family == "resnet-fpn" else [])
    if head == "retinanet":
        parts, layouts = [*parts, "head"], ("{}/", "model/_{}/")
    else:
        parts, layouts = [*parts, "rpn_head", "mask_head"], ("{}/", "model/{}/")
    for layout in layouts:
        prefixes = {part: layout.format(part) for part in parts}
        if head == "mask_rcnn":
            prefixes["detection_head"] = (
                "detection_head/0/" if layout == "{}/" else "model/_config_dict/detection_head/"
            )
        missing = [part for part, prefix in prefixes.items() if not any(key.startswith(prefix) for key in arrays)]
        if not missing:
            return prefixes
        if len(missing) < len(prefixes):
            raise ConfigError(f"checkpoint: it lacks the part {missing[0]!r}, which a {head} of this architecture has.")
    begins = " or ".join(repr(layout.format("backbone")) for layout in layouts)
    raise ConfigError(f"checkpoint: no key begins with {begins}; it is not a {head} checkpoint of TF Model Garden.")
