"""The TPU release's TF1 checkpoints (tensorflow/tpu, ``models/official/detection``): which name holds which role.

Layers without a name of their own are numbered within their scope in the order in which they were made: ``conv2d``,
``conv2d_1``, ... A stem's blocks and the endpoints share the backbone's scope; every connection and every block of the
scale-permuted network has one of its own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from nas.checkpoints.read import Arrays
from nas.checkpoints.tensorflow_keys import NORM_NAMES, count, structure_fields
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError

OPTIMISER_SLOTS = ("/Momentum", "/ExponentialMovingAverage", "/RMSProp", "/RMSProp_1", "/Adam", "/Adam_1")
BLOCK_LAYERS = {
    "bottleneck": ("projection", "reduce", "conv", "expand"),
    "residual": ("projection", "first", "second"),
    "mbconv": ("expand", "depthwise", "squeeze.reduce", "squeeze.expand", "project"),
}
HEAD_LAYERS = (
    (r"class_tower\.conv(\d+)", "retinanet/class_net/class-{}"),
    (r"class_tower\.norm(\d+)\.(\d+)", "retinanet/class_net/class-{}-{}"),
    (r"class_predictor()", "retinanet/class_net/class-predict"),
    (r"box_tower\.conv(\d+)", "retinanet/box_net/box-{}"),
    (r"box_tower\.norm(\d+)\.(\d+)", "retinanet/box_net/box-{}-{}"),
    (r"box_predictor()", "retinanet/box_net/box-predict"),
    (r"rpn_tower\.conv0()", "rpn_head/rpn"),
    (r"rpn_tower\.conv(\d+)", "rpn_head/rpn-{}"),
    (r"rpn_tower\.norm0\.(\d+)", "rpn_head/rpn-l{}-bn"),
    (r"rpn_tower\.norm(\d+)\.(\d+)", "rpn_head/rpn-l{1}-bn-{0}"),
    (r"rpn_class_predictor()", "rpn_head/rpn-class"),
    (r"rpn_box_predictor()", "rpn_head/rpn-box"),
    (r"box_head\.conv(\d+)", "fast_rcnn_head/conv_{}"),
    (r"box_head\.fc()", "fast_rcnn_head/fc6"),
    (r"box_class_predictor()", "fast_rcnn_head/class-predict"),
    (r"box_box_predictor()", "fast_rcnn_head/box-predict"),
    (r"mask_head\.conv(\d+)", "mask_head/mask-conv-l{}"),
    (r"mask_head\.deconv()", "mask_head/conv5-mask"),
    (r"mask_predictor()", "mask_head/mask_fcn_logits"),
    (r"pyramid\.lateral(\d+)", "fpn/l{}"),
    (r"pyramid\.smooth(\d+)", "fpn/post_hoc_d{}"),
    (r"pyramid\.coarser(\d+)", "fpn/p{}"),
    (r"pyramid\.norm(\d+)", "fpn/p{}-bn"),
)


def is_training_state(key: str) -> bool:
    """Whether a name belongs to the training, not to the network."""
    return key == "global_step" or key.endswith(OPTIMISER_SLOTS)


def structure(arrays: Arrays, architecture: Architecture, head: str) -> dict[str, Any]:
    """Fields of the scaling that the names decide on: repeats, depths, kind of convolution.

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


def keys(arrays: Arrays, architecture: Architecture, head: str, repeats: int, slots: Iterable[str]) -> dict[str, str]:
    """Slot -> name in the checkpoint."""
    slots = list(slots)
    roles = list(dict.fromkeys(slot.rsplit(".", 1)[0] for slot in slots))
    layers = _backbone_layers(architecture, _scope(arrays, architecture), repeats, set(roles))
    norms = _second_stage_norms(roles)
    found = {}
    for slot in slots:
        role, part = slot.rsplit(".", 1)
        if role in layers:
            layer = layers[role][1 if part in NORM_NAMES else 0]
        else:
            layer = norms[role] if role in norms else _named_layer(_plain(role))
        found[slot] = f"{layer}/{_part_name(role, part, layer)}"
    return found


def _part_name(role: str, part: str, layer: str) -> str:
    if part in NORM_NAMES:
        return NORM_NAMES[part]
    if part != "kernel":
        return part
    if role.endswith(".depthwise") or "/depthwise_conv2d" in layer:
        return "depthwise_kernel"
    return "pointwise_kernel" if role.endswith(".pointwise") else "kernel"


def _plain(role: str) -> str:
    return role.removesuffix(".pointwise").removesuffix(".depthwise")


def _named_layer(role: str) -> str:
    for pattern, name in HEAD_LAYERS:
        if found := re.fullmatch(pattern, role):
            return name.format(*found.groups())
    raise AssertionError(f"role {role} has no name in the TPU release")


class _Scope:
    """Numbers the layers of one scope as they are made."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.made: Counter[str] = Counter()

    def layer(self, kind: str) -> str:
        """The next layer of a kind."""
        number = self.made[kind]
        self.made[kind] += 1
        return f"{self.name}/{kind}_{number}" if number else f"{self.name}/{kind}"

    def convolve(self, kind: str = "conv2d") -> tuple[str, str]:
        """A convolution and its batch normalisation."""
        return self.layer(kind), self.layer("batch_normalization")


def _backbone_layers(
    architecture: Architecture, name: str, repeats: int, roles: set[str]
) -> dict[str, tuple[str, str]]:
    """Role -> (convolution, batch normalisation)."""
    nodes, first = architecture.nodes, len(architecture.stem)
    scope = _Scope(name)
    layers = {"stem": scope.convolve()}
    for index in range(first):
        layers |= _block_layers(scope, index, nodes[index].block_type, repeats, roles)
    if architecture.family == "resnet-fpn":
        return layers
    for index in range(first, len(nodes)):
        policy = f"{name}/sub_policy{index - first}"
        for position, parent in enumerate(nodes[index].parents):
            role = f"connection{parent}-{index}"
            down = nodes[index].level - nodes[parent].level
            layers |= _connection_layers(policy, index - first, position, role, down, architecture.family)
        block = _Scope(f"{policy}/scale_permuted_block_{index}")
        layers |= _block_layers(block, index, nodes[index].block_type, repeats, roles)
    for level in architecture.outputs:
        layers[f"endpoint{level}"] = scope.convolve()
    return layers


def _connection_layers(
    policy: str, number: int, position: int, role: str, down: int, family: str
) -> dict[str, tuple[str, str]]:
    kind = "resample_with_sepconv" if family == "mobile" else "resample_with_alpha"
    scope = _Scope(f"{policy}/{kind}_resample_{number}_{position}")
    layers = {}
    if family == "mobile":
        for at in range(down):
            layers[f"{role}.down{at}"] = scope.convolve("depthwise_conv2d")
    else:
        layers[f"{role}.narrow"] = scope.convolve()
        if down > 0:
            layers[f"{role}.down"] = scope.convolve()
    return layers | {f"{role}.widen": scope.convolve()}


def _block_layers(
    scope: _Scope, index: int, block_type: str, repeats: int, roles: set[str]
) -> dict[str, tuple[str, str]]:
    layers = {}
    for repeat in range(repeats):
        for layer in BLOCK_LAYERS[block_type]:
            role = f"node{index}.block{repeat}.{layer}"
            if layer.startswith("squeeze."):
                layers[role] = (scope.layer("conv2d"), "")
            elif layer != "projection" or role in roles:
                layers[role] = scope.convolve("depthwise_conv2d" if layer == "depthwise" else "conv2d")
    return layers


def _second_stage_norms(roles: Iterable[str]) -> dict[str, str]:
    """The batch normalisations of Mask R-CNN's box and mask heads, numbered through."""
    found = {}
    for head, scope, last in (("box_head", "fast_rcnn_head", "fc_norm"), ("mask_head", "mask_head", "deconv_norm")):
        names = [role for role in roles if re.fullmatch(rf"{head}\.norm\d+", role)]
        numbered = _Scope(scope)
        for role in (*names, f"{head}.{last}"):
            found[role] = numbered.layer("batch_normalization")
    return found


def _scope(arrays: Arrays, architecture: Architecture) -> str:
    """The backbone's scope."""
    pattern = {"spinenet": r"(spinenet)/", "mobile": r"(spinenet_mbconv)/", "resnet-fpn": r"(resnet\d+)/"}
    found = {match[1] for key in arrays if (match := re.match(pattern[architecture.family], key))}
    if len(found) != 1:
        raise ConfigError(
            f"checkpoint: no name lies in a scope for a backbone of the family {architecture.family}; it is not such a "
            f"checkpoint of the TPU release."
        )
    return found.pop()


def _repeats(arrays: Arrays, architecture: Architecture, scope: str) -> int:
    if architecture.family == "resnet-fpn":
        return 1
    index = architecture.live_nodes[-1]
    block = re.escape(f"{scope}/sub_policy{index - len(architecture.stem)}/scale_permuted_block_{index}/")
    layers = count(arrays, rf"{block}(batch_normalization(?:_\d+)?)/")
    each = {"bottleneck": 3, "residual": 2, "mbconv": 3}[architecture.nodes[index].block_type]
    if layers == 0 or layers % each:
        raise ConfigError(
            f"checkpoint: block {index} has {layers} layers, a {architecture.nodes[index].block_type} block "
            f"has {each}; it is of another architecture than the one given."
        )
    return layers // each
