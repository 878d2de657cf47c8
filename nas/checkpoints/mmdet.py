"""State dictionaries of the PyTorch ports on mmdetection 1.1: lucifer443's and yan-roo's SpineNet-Pytorch.

They put x before y and, in RetinaNet, aspect ratios before scales. RetinaNet has no background class. :func:`prepare`
puts their channels into this project's order.

Convolutions that batch normalisation follows have no bias. In RetinaNet the levels share them, but the file stores them
once for each level. In Mask R-CNN no batch normalisation follows the convolution of the region proposal network, the
fully connected layer and the deconvolution. A converted detector has one there. It changes nothing in evaluation; in
training it normalises by the batch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from nas.checkpoints.read import Arrays
from nas.detectors.convention import MMDET
from nas.detectors.heads.anchors import OCTAVES
from nas.detectors.parts import Role
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError

RATIOS = len(MMDET.aspect_ratios)
BOX_ORDER = (1, 0, 3, 2)  # dx, dy, dw, dh -> ty, tx, th, tw
BACKGROUND_BIAS = -4.59511985013459  # -log(99), that of an untrained detector; no detection depends on it
NORM_NAMES = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
PARTS = {"kernel": "weight", "bias": "bias", **NORM_NAMES}
BLOCK_LAYERS = {
    "bottleneck": {"reduce": ("conv1", "bn1"), "conv": ("conv2", "bn2"), "expand": ("conv3", "bn3")},
    "residual": {"first": ("conv1", "bn1"), "second": ("conv2", "bn2")},
}
CONNECTION_LAYERS = {"narrow": "squeeze_conv", "down": "downsample_conv", "widen": "expand_conv"}
TOWERS = {"class_tower": "cls_convs", "box_tower": "reg_convs"}
LAYERS = {
    ("class_predictor", ""): "bbox_head.retina_cls",
    ("box_predictor", ""): "bbox_head.retina_reg",
    ("rpn_tower", "conv"): "rpn_head.rpn_conv",
    ("rpn_tower", "norm"): "rpn_head.rpn_conv.bn",
    ("rpn_class_predictor", ""): "rpn_head.rpn_cls",
    ("rpn_box_predictor", ""): "rpn_head.rpn_reg",
    ("box_head", "fc"): "bbox_head.shared_fcs.0",
    ("box_head", "fc_norm"): "bbox_head.shared_fcs.0.bn",
    ("box_class_predictor", ""): "bbox_head.fc_cls",
    ("box_box_predictor", ""): "bbox_head.fc_reg",
    ("mask_head", "deconv"): "mask_head.upsample",
    ("mask_head", "deconv_norm"): "mask_head.upsample.bn",
    ("mask_predictor", ""): "mask_head.conv_logits",
}
"""(module, layer) of a role -> layer of a head."""
IDENTITY_NORMS = {  # layer without batch normalisation -> axis of the channels in its kernel
    "rpn_head.rpn_conv": 0,
    "bbox_head.shared_fcs.0": 0,
    "mask_head.upsample": 1,
}
REGION_TOWERS = {"box_head": "bbox_head.shared_convs", "mask_head": "mask_head.convs"}
DEPTHS = {"head_depth": "box_head", "mask_depth": "mask_head"}
BOX_PREDICTORS = ("rpn_head.rpn_reg", "bbox_head.fc_reg")
REGION_CONVOLUTION = re.compile(r"((?:bbox_head\.shared_convs|mask_head\.convs)\.\d+\.conv)\.weight")
SHARED = re.compile(r"(bbox_head\.(?:cls|reg)_convs)\.(\d+)\.(\d+)\.conv\.weight")


def is_training_state(key: str) -> bool:
    """Whether a name belongs to the training and not to the network."""
    return key.endswith("num_batches_tracked")


def prepare(arrays: Arrays, head: str, epsilon: float = MMDET.batch_norm["mask_rcnn"].epsilon) -> Arrays:
    """The arrays with the head's channels in this project's order, and with what the ports leave out.

    The ports leave out biases, which are zero, and in Mask R-CNN batch normalisations, which change nothing.

    Args:
        epsilon: the epsilon of the detector's batch normalisation.

    Raises:
        ConfigError: it is not a detector with this head, or kernels that must be shared are not.
    """
    beside = {"retinanet": "bbox_head.retina_cls.", "mask_rcnn": "rpn_head.rpn_conv."}[head]
    if not any(key.startswith(beside) for key in arrays):
        raise ConfigError(
            f"checkpoint: no name begins with {beside!r}; it is not a {head} checkpoint of the mmdetection ports."
        )
    return _prepare_retinanet(arrays) if head == "retinanet" else _prepare_mask_rcnn(arrays, epsilon)


def _prepare_mask_rcnn(arrays: Arrays, epsilon: float) -> Arrays:
    found = dict(arrays)
    for key, value in arrays.items():
        if convolution := REGION_CONVOLUTION.fullmatch(key):
            found[f"{convolution[1]}.bias"] = np.zeros(len(value), value.dtype)
        layer, _, part = key.rpartition(".")
        if layer in BOX_PREDICTORS and len(value) % 4 == 0:
            codes = value.reshape(-1, 4, *value.shape[1:])[:, BOX_ORDER]
            found[key] = codes.reshape(value.shape)
        if layer in IDENTITY_NORMS and part == "weight":
            ones = np.ones(value.shape[IDENTITY_NORMS[layer]], value.dtype)
            found |= {f"{layer}.bn.{name}": ones * fill for name, fill in _identity(epsilon).items()}
    return found


def _identity(epsilon: float) -> dict[str, float]:
    """Weights and statistics of a batch normalisation that returns its input."""
    return {"weight": math.sqrt(1 + epsilon), "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}


def _prepare_retinanet(arrays: Arrays) -> Arrays:
    found = dict(arrays)
    for key, value in arrays.items():
        if not (shared := SHARED.fullmatch(key)):
            continue
        first = f"{shared[1]}.0.{shared[3]}.conv.weight"
        if first not in arrays or not np.array_equal(value, arrays[first]):
            raise ConfigError(
                f"checkpoint: {key} differs from {first}; the levels of this head must share their convolutions."
            )
        if key == first:
            found[f"{shared[1]}.0.{shared[3]}.conv.bias"] = np.zeros(len(value), value.dtype)
        else:
            del found[key]
    for part in ("weight", "bias"):
        name = f"bbox_head.retina_cls.{part}"
        found[name] = _with_background(_scales_first(arrays[name]), 0.0 if part == "weight" else BACKGROUND_BIAS)
        name = f"bbox_head.retina_reg.{part}"
        codes = _scales_first(arrays[name])[:, BOX_ORDER]
        found[name] = codes.reshape(-1, *codes.shape[2:])
    return found


def _scales_first(value: np.ndarray) -> np.ndarray:
    """[ratios * scales * k, ...] -> [scales * ratios, k, ...]."""
    grid = value.reshape(RATIOS, OCTAVES, -1, *value.shape[1:])
    return grid.swapaxes(0, 1).reshape(RATIOS * OCTAVES, -1, *value.shape[1:])


def _with_background(value: np.ndarray, fill: float) -> np.ndarray:
    """[anchors, classes, ...] -> [anchors * (1 + classes), ...]."""
    background = np.full_like(value[:, :1], fill)
    both = np.concatenate([background, value], axis=1)
    return both.reshape(-1, *both.shape[2:])


def structure(arrays: Arrays, architecture: Architecture, head: str) -> dict[str, Any]:
    """The fields of the scaling that follow from the names: repeats and depths.

    Raises:
        ConfigError: the ports have no such backbone.
    """
    if len(architecture.stem) != 2:
        raise ConfigError(
            "checkpoint: the mmdetection ports have SpineNet backbones only; give one of its architectures."
        )
    _check_merges(architecture)
    blocks = {found[1] for key in arrays if (found := re.match(r"backbone\.scale_permuted_blocks\.0\.(\d+)\.", key))}
    if not blocks:
        raise ConfigError(
            "checkpoint: no name begins with 'backbone.scale_permuted_blocks'; it is not one of the ports'."
        )
    if head == "retinanet":
        return {"repeats": len(blocks), "head_depth": _depth(arrays, r"bbox_head\.cls_convs\.0")}
    depths = {field: _depth(arrays, re.escape(REGION_TOWERS[name])) for field, name in DEPTHS.items()}
    return {"repeats": len(blocks), "rpn_depth": 1, **depths}


def _depth(arrays: Arrays, tower: str) -> int:
    return len({found[1] for key in arrays if (found := re.match(rf"{tower}\.(\d+)\.", key))})


def _check_merges(architecture: Architecture) -> None:
    """Refuse architectures that the ports wire differently.

    They count the parents of a block as consumed only after it has merged what nothing has consumed. So the block can
    merge one of its own parents.

    Raises:
        ConfigError: a block is such a parent; the sentence names both.
    """
    nodes, consumed = architecture.nodes, dict(architecture.merge_edges)
    for index in range(len(architecture.stem), len(nodes)):
        for parent in nodes[index].parents:
            alike = (nodes[parent].level, nodes[parent].block_type) == (nodes[index].level, nodes[index].block_type)
            if nodes[index].is_output and alike and consumed.get(parent, index) >= index:
                raise ConfigError(
                    f"checkpoint: block {parent} is a parent of block {index} and of no block before it; the "
                    f"mmdetection ports add it there a second time, so they compute another network."
                )
            consumed[parent] = min(index, consumed.get(parent, index))


def keys(arrays: Arrays, architecture: Architecture, head: str, repeats: int, roles: Iterable[Role]) -> dict[Role, str]:
    """Role -> name in the state dictionary."""
    return {role: f"{_module(role, architecture)}.{PARTS[role.part]}" for role in roles}


def _module(role: Role, architecture: Architecture) -> str:
    """The name of the module that a role's tensor belongs to."""
    if (role.module, role.layer) in LAYERS:
        return LAYERS[role.module, role.layer]
    kind = "bn" if role.part in NORM_NAMES else "conv"
    if role.module in REGION_TOWERS:
        return f"{REGION_TOWERS[role.module]}.{role.index}.{kind}"
    if role.module in TOWERS:
        level = 0 if role.level is None else role.level - architecture.min_level
        return f"bbox_head.{TOWERS[role.module]}.{level}.{role.index}.{kind}"
    if role.module == "block":
        return _block_module(role, architecture)
    if role.module == "connection":
        return f"{_connection_module(role, architecture)}.{kind}"
    return f"backbone.endpoint_convs.{role.level}.{kind}" if role.module == "endpoint" else f"backbone.conv1.{kind}"


def _connection_module(role: Role, architecture: Architecture) -> str:
    assert role.node is not None
    assert role.parent is not None
    position = architecture.nodes[role.node].parents.index(role.parent)
    number = role.node - len(architecture.stem)
    return f"backbone.merge_ops.{number}.resample_ops.{position}.{CONNECTION_LAYERS[role.layer]}"


def _block_module(role: Role, architecture: Architecture) -> str:
    assert role.node is not None
    first, is_norm = len(architecture.stem), role.part in NORM_NAMES
    group = f"init_block{role.node + 1}" if role.node < first else f"scale_permuted_blocks.{role.node - first}"
    if role.layer == "projection":
        return f"backbone.{group}.{role.index}.downsample.{1 if is_norm else 0}"
    convolution, norm = BLOCK_LAYERS[architecture.nodes[role.node].block_type][role.layer]
    return f"backbone.{group}.{role.index}.{norm if is_norm else convolution}"
