"""The TPU release's TF1 checkpoints (tensorflow/tpu, ``models/official/detection``): which name holds which role.

Layers without a name of their own are numbered within their scope, in the order in which they were made: ``conv2d``,
``conv2d_1``, ... The stem's blocks and the endpoints share the backbone's scope. Every connection and every block of
the scale-permuted network has a scope of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nas.checkpoints.read import Arrays
from nas.checkpoints.tensorflow_keys import NORM_NAMES, count, structure_fields
from nas.detectors.parts import Role
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError
from search_spaces.vocabulary import MOBILE, RESNET_FPN, SPINENET

OPTIMISER_SLOTS = ("/Momentum", "/ExponentialMovingAverage", "/RMSProp", "/RMSProp_1", "/Adam", "/Adam_1")
BLOCK_LAYERS = {
    "bottleneck": ("projection", "reduce", "conv", "expand"),
    "residual": ("projection", "first", "second"),
    "mbconv": ("expand", "depthwise", "squeeze_reduce", "squeeze_expand", "project"),
}
WITHOUT_NORM = ("squeeze_reduce", "squeeze_expand")
HEAD_LAYERS = {
    ("class_tower", "conv"): "retinanet/class_net/class-{index}",
    ("class_tower", "norm"): "retinanet/class_net/class-{index}-{level}",
    ("class_predictor", ""): "retinanet/class_net/class-predict",
    ("box_tower", "conv"): "retinanet/box_net/box-{index}",
    ("box_tower", "norm"): "retinanet/box_net/box-{index}-{level}",
    ("box_predictor", ""): "retinanet/box_net/box-predict",
    ("rpn_tower", "conv"): "rpn_head/rpn-{index}",
    ("rpn_tower", "norm"): "rpn_head/rpn-l{level}-bn-{index}",
    ("rpn_class_predictor", ""): "rpn_head/rpn-class",
    ("rpn_box_predictor", ""): "rpn_head/rpn-box",
    ("box_head", "conv"): "fast_rcnn_head/conv_{index}",
    ("box_head", "fc"): "fast_rcnn_head/fc6",
    ("box_class_predictor", ""): "fast_rcnn_head/class-predict",
    ("box_box_predictor", ""): "fast_rcnn_head/box-predict",
    ("mask_head", "conv"): "mask_head/mask-conv-l{index}",
    ("mask_head", "deconv"): "mask_head/conv5-mask",
    ("mask_predictor", ""): "mask_head/mask_fcn_logits",
    ("pyramid", "lateral"): "fpn/l{level}",
    ("pyramid", "smooth"): "fpn/post_hoc_d{level}",
    ("pyramid", "coarser"): "fpn/p{level}",
    ("pyramid", "norm"): "fpn/p{level}-bn",
}
"""(module, layer) of a role -> name of the layer, outside the numbered scopes."""
FIRST_RPN_LAYERS = {"conv": "rpn_head/rpn", "norm": "rpn_head/rpn-l{level}-bn"}
"""The first convolution of the region proposal network has no number."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the backbones of a family are stored.

    Attributes:
        scope: pattern of the backbone's scope.
        connection: what the scope of a connection begins with; empty if there are no connections.
        narrows: whether a connection narrows. If so, one convolution leads down; otherwise there is one per level.
        repeats: whether a node may hold several blocks.
    """

    scope: str
    connection: str = ""
    narrows: bool = False
    repeats: bool = True


LAYOUTS: Mapping[str, Layout] = {
    SPINENET: Layout(r"(spinenet)/", "resample_with_alpha", narrows=True),
    MOBILE: Layout(r"(spinenet_mbconv)/", "resample_with_sepconv"),
    RESNET_FPN: Layout(r"(resnet\d+)/", repeats=False),
}
"""Family -> layout."""


def is_training_state(key: str) -> bool:
    """Whether a name belongs to the training and not to the network."""
    return key == "global_step" or key.endswith(OPTIMISER_SLOTS)


def structure(arrays: Arrays, architecture: Architecture, head: str) -> dict[str, Any]:
    """The fields of the scaling that follow from the names: repeats, depths, kind of convolution.

    Raises:
        ConfigError: the checkpoint is not one of the TPU release's detectors with this head.
    """
    scope = _scope(arrays, architecture)
    beside = {"retinanet": "retinanet/", "mask_rcnn": "fast_rcnn_head/"}[head]
    if not any(key.startswith(beside) for key in arrays):
        raise ConfigError(
            f"checkpoint: no name begins with {beside!r}; it is not a {head} checkpoint of the TPU release."
        )
    convolution = {"retinanet": r"retinanet/class_net/class-(\d+)/", "mask_rcnn": r"fast_rcnn_head/conv_(\d+)/"}[head]
    repeats = _repeats(arrays, architecture, scope)
    if head == "retinanet":
        return structure_fields(arrays, repeats, convolution)
    return structure_fields(
        arrays, repeats, convolution, mask=r"mask_head/mask-conv-l(\d+)/", rpn=r"rpn_head/(rpn(?:-\d+)?)/"
    )


def keys(arrays: Arrays, architecture: Architecture, head: str, repeats: int, roles: Iterable[Role]) -> dict[Role, str]:
    """Role -> name in the checkpoint."""
    roles = list(roles)
    wanted = list(dict.fromkeys(_layer(role) for role in roles))
    layers = _backbone_layers(architecture, _scope(arrays, architecture), repeats, set(wanted))
    norms = _second_stage_norms(wanted)
    found = {}
    for role in roles:
        own = _layer(role)
        if own in layers:
            layer = layers[own][1 if role.part in NORM_NAMES else 0]
        else:
            layer = norms[own] if own in norms else _named_layer(role)
        found[role] = f"{layer}/{_part_name(role, layer)}"
    return found


def _layer(role: Role) -> Role:
    """The layer to which the tensor of a role belongs."""
    return replace(role, part="", factor="")


def _part_name(role: Role, layer: str) -> str:
    if role.part in NORM_NAMES:
        return NORM_NAMES[role.part]
    if role.part != "kernel":
        return role.part
    if role.factor:
        return f"{role.factor}_kernel"
    return "depthwise_kernel" if "/depthwise_conv2d" in layer else "kernel"


def _named_layer(role: Role) -> str:
    name = HEAD_LAYERS[role.module, role.layer]
    if role.module == "rpn_tower" and role.index == 0:
        name = FIRST_RPN_LAYERS[role.layer]
    return name.format(index=role.index, level=role.level)


class _Scope:
    """Numbers the layers of one scope in the order in which they are made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made: Counter[str] = Counter()

    def layer(self, kind: str) -> str:
        """The name of the next layer of a kind."""
        number = self.made[kind]
        self.made[kind] += 1
        return f"{self.name}/{kind}_{number}" if number else f"{self.name}/{kind}"

    def convolve(self, kind: str = "conv2d") -> tuple[str, str]:
        """The names of a convolution and its batch normalisation."""
        return self.layer(kind), self.layer("batch_normalization")


def _backbone_layers(
    architecture: Architecture, name: str, repeats: int, wanted: set[Role]
) -> dict[Role, tuple[str, str]]:
    """Layer -> (convolution, batch normalisation)."""
    nodes, first = architecture.nodes, len(architecture.stem)
    layout = LAYOUTS[architecture.family]
    scope = _Scope(name)
    layers = {Role("stem"): scope.convolve()}
    for index in range(first):
        layers |= _block_layers(scope, index, nodes[index].block_type, repeats, wanted)
    if not layout.connection:
        return layers
    for index in range(first, len(nodes)):
        policy = f"{name}/sub_policy{index - first}"
        for position, parent in enumerate(nodes[index].parents):
            own = _Scope(f"{policy}/{layout.connection}_resample_{index - first}_{position}")
            role, down = Role("connection", node=index, parent=parent), nodes[index].level - nodes[parent].level
            layers |= _connection_layers(own, role, down, layout)
        block = _Scope(f"{policy}/scale_permuted_block_{index}")
        layers |= _block_layers(block, index, nodes[index].block_type, repeats, wanted)
    for level in architecture.outputs:
        layers[Role("endpoint", level=level)] = scope.convolve()
    return layers


def _connection_layers(scope: _Scope, role: Role, down: int, layout: Layout) -> dict[Role, tuple[str, str]]:
    layers = {}
    if layout.narrows:
        layers[replace(role, layer="narrow")] = scope.convolve()
        if down > 0:
            layers[replace(role, layer="down")] = scope.convolve()
    else:
        for at in range(down):
            layers[replace(role, layer="down", index=at)] = scope.convolve("depthwise_conv2d")
    return layers | {replace(role, layer="widen"): scope.convolve()}


def _block_layers(
    scope: _Scope, node: int, block_type: str, repeats: int, wanted: set[Role]
) -> dict[Role, tuple[str, str]]:
    layers = {}
    for repeat in range(repeats):
        for layer in BLOCK_LAYERS[block_type]:
            role = Role("block", layer, node=node, index=repeat)
            if layer in WITHOUT_NORM:
                layers[role] = (scope.layer("conv2d"), "")
            elif layer != "projection" or role in wanted:
                layers[role] = scope.convolve("depthwise_conv2d" if layer == "depthwise" else "conv2d")
    return layers


def _second_stage_norms(wanted: Iterable[Role]) -> dict[Role, str]:
    """The batch normalisations of Mask R-CNN's box and mask heads, which are numbered within each head."""
    wanted, found = list(wanted), {}
    for head, scope, last in (("box_head", "fast_rcnn_head", "fc_norm"), ("mask_head", "mask_head", "deconv_norm")):
        norms = [role for role in wanted if (role.module, role.layer) == (head, "norm")]
        numbered = _Scope(scope)
        for role in (*norms, Role(head, last)):
            found[role] = numbered.layer("batch_normalization")
    return found


def _scope(arrays: Arrays, architecture: Architecture) -> str:
    """The backbone's scope."""
    pattern = LAYOUTS[architecture.family].scope
    found = {match[1] for key in arrays if (match := re.match(pattern, key))}
    if len(found) != 1:
        raise ConfigError(
            f"checkpoint: no name lies in the scope of a {architecture.family} backbone; it is not the TPU release's "
            f"checkpoint of such a network."
        )
    return found.pop()


def _repeats(arrays: Arrays, architecture: Architecture, scope: str) -> int:
    if not LAYOUTS[architecture.family].repeats:
        return 1
    index = architecture.live_nodes[-1]
    block = re.escape(f"{scope}/sub_policy{index - len(architecture.stem)}/scale_permuted_block_{index}/")
    layers = count(arrays, rf"{block}(batch_normalization(?:_\d+)?)/")
    layers_of_type = BLOCK_LAYERS[architecture.nodes[index].block_type]
    each = sum(layer not in ("projection", *WITHOUT_NORM) for layer in layers_of_type)
    if layers == 0 or layers % each:
        raise ConfigError(
            f"checkpoint: block {index} has {layers} layers, and a {architecture.nodes[index].block_type} block "
            f"has {each}; it is of another architecture than the given one."
        )
    return layers // each
