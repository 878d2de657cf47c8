"""TF Model Garden's TF2 checkpoints (``official/vision``): which key holds which role.

There are two layouts: that of ``Checkpoint(model=model)``, and the trainer's, whose keys begin with the name of a part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nas.checkpoints.keras_order import mobile_order, pyramid_order, resnet_order, spinenet_order
from nas.checkpoints.read import Arrays
from nas.checkpoints.tensorflow_keys import NORM_NAMES, count, structure_fields
from nas.detectors.parts import Role
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError
from search_spaces.vocabulary import MOBILE, RESNET_FPN, SPINENET

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
BLOCK_LAYERS = {
    "bottleneck": {"reduce": ("_conv1", "_norm1"), "conv": ("_conv2", "_norm2"), "expand": ("_conv3", "_norm3")},
    "residual": {"first": ("_conv1", "_norm1"), "second": ("_conv2", "_norm2")},
    "mbconv": {
        "expand": ("_conv0", "_norm0"),
        "depthwise": ("_conv1", "_norm1"),
        "squeeze_reduce": ("_squeeze_excitation/_se_reduce", ""),
        "squeeze_expand": ("_squeeze_excitation/_se_expand", ""),
        "project": ("_conv2", "_norm2"),
    },
}
"""Block type -> layer -> convolution, and batch normalisation if it has one."""
SHORTCUT = ("_shortcut", "_norm0")
TOWERS = {"class_tower": "head/_cls", "box_tower": "head/_box", "rpn_tower": "rpn_head/"}
PREDICTORS = {
    "class_predictor": "head/_classifier",
    "box_predictor": "head/_box_regressor",
    "rpn_class_predictor": "rpn_head/_classifier",
    "rpn_box_predictor": "rpn_head/_box_regressor",
    "box_class_predictor": "detection_head/_classifier",
    "box_box_predictor": "detection_head/_box_regressor",
    "mask_predictor": "mask_head/_mask_regressor",
}
REGION_HEADS = {"box_head": "detection_head", "mask_head": "mask_head"}
REGION_LAYERS = {
    "conv": "_convs/{}",
    "norm": "_conv_norms/{}",
    "fc": "_fcs/0",
    "fc_norm": "_fc_norms/0",
    "deconv": "_deconv",
    "deconv_norm": "_deconv_bn",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How the backbones of a family are stored.

    Attributes:
        first: name of the first convolution of a block.
        order: (architecture, repeats) -> roles of the backbone's layers, in Keras' order.
        decoder: architecture -> the same for the decoder, a model of its own; None: there is none.
        stem: levels of the only stem that exists there; None: any stem does.
        repeats: whether a node may hold several blocks.
    """

    first: str
    order: Callable[[Architecture, int], list[Role]]
    decoder: Callable[[Architecture], list[Role]] | None = None
    stem: tuple[int, ...] | None = None
    repeats: bool = True


LAYOUTS: Mapping[str, Layout] = {
    SPINENET: Layout("_conv1", spinenet_order, stem=(2, 2)),
    MOBILE: Layout("_conv0", mobile_order, stem=(1, 2), repeats=False),
    RESNET_FPN: Layout("_conv1", resnet_order, decoder=pyramid_order),
}
"""Family -> layout."""


def is_training_state(key: str) -> bool:
    """Whether a key belongs to the training and not to the network."""
    return (
        "OPTIMIZER_SLOT" in key or re.match(r"(optimizer/|global_step|save_counter|_CHECKPOINTABLE)", key) is not None
    )


def structure(arrays: Arrays, architecture: Architecture, head: str) -> dict[str, Any]:
    """The fields of the scaling that follow from the keys: repeats, depths, kind of convolution.

    Raises:
        ConfigError: the checkpoint is not one of TF Model Garden's detectors with this head.
    """
    prefixes = _prefixes(arrays, architecture, head)
    first = LAYOUTS[architecture.family].first
    blocks = count(arrays, rf"{re.escape(prefixes['backbone'])}layer_with_weights-(\d+)/{first}/kernel")
    nodes = sum(architecture.nodes[index].block_type in BLOCK_LAYERS for index in architecture.live_nodes)
    if blocks == 0 or blocks % nodes:
        raise ConfigError(
            f"checkpoint: it has {blocks} blocks of the given architecture's kind, and the architecture has {nodes}; "
            f"give the checkpoint's own architecture."
        )
    name = {"retinanet": "head", "mask_rcnn": "detection_head"}[head]
    convolutions = {"retinanet": "_cls_convs", "mask_rcnn": "_convs"}[head]
    depth = rf"{re.escape(prefixes[name])}{convolutions}/(\d+)/"
    if head == "retinanet":
        return structure_fields(arrays, blocks // nodes, depth)
    mask, rpn = (rf"{re.escape(prefixes[part])}_convs/(\d+)/" for part in ("mask_head", "rpn_head"))
    return structure_fields(arrays, blocks // nodes, depth, mask, rpn)


def keys(arrays: Arrays, architecture: Architecture, head: str, repeats: int, roles: Iterable[Role]) -> dict[Role, str]:
    """Role -> key in the checkpoint."""
    prefixes = _prefixes(arrays, architecture, head)
    layers = _layer_numbers(architecture, repeats)
    return {role: _key(role, architecture, prefixes, layers) + SUFFIX for role in roles}


def _layer_numbers(architecture: Architecture, repeats: int) -> dict[Role, tuple[str, int]]:
    """Layer -> (part of the model, number N)."""
    layout = LAYOUTS[architecture.family]
    _check_buildable(architecture, layout, repeats)
    numbers = {layer: ("backbone", at) for at, layer in enumerate(layout.order(architecture, repeats))}
    decoder = [] if layout.decoder is None else layout.decoder(architecture)
    return numbers | {layer: ("decoder", at) for at, layer in enumerate(decoder)}


def _check_buildable(architecture: Architecture, layout: Layout, repeats: int) -> None:
    stem = tuple(node.level for node in architecture.stem)
    if layout.stem not in (None, stem):
        raise ConfigError(
            f"checkpoint: TF Model Garden's stem has levels {layout.stem}; the architecture's has {stem}."
        )
    if repeats != 1 and not layout.repeats:
        raise ConfigError("checkpoint: TF Model Garden's SpineNet-mobile with repeats computes another network.")


def _key(
    role: Role, architecture: Architecture, prefixes: Mapping[str, str], layers: Mapping[Role, tuple[str, int]]
) -> str:
    is_norm = role.part in NORM_NAMES
    if role.module == "block":
        assert role.node is not None
        where, number = layers[Role("block", node=role.node, index=role.index)]
        inner = _block_key(role, architecture.nodes[role.node].block_type)
        return f"{prefixes[where]}layer_with_weights-{number}/{inner}"
    layer = replace(role, part="norm" if is_norm else "")
    if layer in layers:
        where, number = layers[layer]
        is_depthwise = role.layer == "down" and role.index is not None
        name = NORM_NAMES[role.part] if is_norm else f"depthwise_{role.part}" if is_depthwise else role.part
        return f"{prefixes[where]}layer_with_weights-{number}/{name}"
    head, _, rest = _head_key(role, architecture).partition("/")
    return prefixes[head] + rest


def _block_key(role: Role, block_type: str) -> str:
    convolution, norm = SHORTCUT if role.layer == "projection" else BLOCK_LAYERS[block_type][role.layer]
    if role.part in NORM_NAMES:
        return f"{norm}/{NORM_NAMES[role.part]}"
    return f"{convolution}/{'depthwise_kernel' if role.layer == 'depthwise' else role.part}"


def _head_key(role: Role, architecture: Architecture) -> str:
    """The key of a role in a head, ``<head>/<rest>``."""
    name = NORM_NAMES.get(role.part, role.part)
    if role.factor and role.part == "kernel":
        name = f"{role.factor}_kernel"
    if role.module in PREDICTORS:
        return f"{PREDICTORS[role.module]}/{name}"
    if role.module in REGION_HEADS:
        return f"{REGION_HEADS[role.module]}/{REGION_LAYERS[role.layer].format(role.index)}/{name}"
    tower = TOWERS[role.module]
    if role.level is None:
        return f"{tower}_convs/{role.index}/{name}"
    return f"{tower}_norms/{role.level - architecture.min_level}/{role.index}/{name}"


def _prefixes(arrays: Arrays, architecture: Architecture, head: str) -> dict[str, str]:
    """Part of the model -> what its keys begin with in this checkpoint's layout."""
    parts = ["backbone"] if LAYOUTS[architecture.family].decoder is None else ["backbone", "decoder"]
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
