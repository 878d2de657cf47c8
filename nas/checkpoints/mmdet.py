"""State dictionaries of the PyTorch ports on mmdetection 1.1: lucifer443's and yan-roo's SpineNet-Pytorch.

They put x before y and, in RetinaNet, aspect ratios before scales; RetinaNet has no background class. :func:`prepare`
puts their channels in this project's order. Convolutions before batch normalisation have no bias; RetinaNet's, shared
by the levels, are stored once for each. Mask R-CNN has no batch normalisation in its region proposal network, behind
its fully connected layer and behind its deconvolution: there a converted detector has one that changes nothing when it
detects (when it trains, it normalises by the batch).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from nas.checkpoints.read import Arrays
from nas.detectors.anchors import OCTAVES
from nas.detectors.convention import MMDET
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError

RATIOS = len(MMDET.aspect_ratios)
BOX_ORDER = (1, 0, 3, 2)  # dx, dy, dw, dh -> ty, tx, th, tw
BACKGROUND_BIAS = -4.59511985013459  # -log(99), as in an untrained detector; no detection depends on it
NORM_NAMES = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
BLOCK_LAYERS = {
    "bottleneck": {"reduce": ("conv1", "bn1"), "conv": ("conv2", "bn2"), "expand": ("conv3", "bn3")},
    "residual": {"first": ("conv1", "bn1"), "second": ("conv2", "bn2")},
}
CONNECTION_LAYERS = {"narrow": "squeeze_conv", "down": "downsample_conv", "widen": "expand_conv"}
TOWERS = {"class_tower": "cls_convs", "box_tower": "reg_convs"}
LAYERS = {
    "class_predictor": "bbox_head.retina_cls",
    "box_predictor": "bbox_head.retina_reg",
    "rpn_tower.conv0": "rpn_head.rpn_conv",
    "rpn_class_predictor": "rpn_head.rpn_cls",
    "rpn_box_predictor": "rpn_head.rpn_reg",
    "box_head.fc": "bbox_head.shared_fcs.0",
    "box_class_predictor": "bbox_head.fc_cls",
    "box_box_predictor": "bbox_head.fc_reg",
    "mask_head.deconv": "mask_head.upsample",
    "mask_predictor": "mask_head.conv_logits",
}
IDENTITY_NORMS = {  # layer without batch normalisation -> channels' axis of its kernel
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
    """Whether a name belongs to the training, not to the network."""
    return key.endswith("num_batches_tracked")


def prepare(arrays: Arrays, head: str, epsilon: float = MMDET.batch_norm["mask_rcnn"].epsilon) -> Arrays:
    """The arrays with the head's channels in this project's order, and with what the ports leave out.

    That is zero biases, and in Mask R-CNN a batch normalisation that changes nothing.

    Args:
        epsilon: of the detector's batch normalisation.

    Raises:
        ConfigError: not a detector with this head, or kernels that should be shared are not.
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
    """Statistics and weights of a batch normalisation that returns what it is given."""
    return {"weight": math.sqrt(1 + epsilon), "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}


def _prepare_retinanet(arrays: Arrays) -> Arrays:
    found = dict(arrays)
    for key, value in arrays.items():
        if not (shared := SHARED.fullmatch(key)):
            continue
        first = f"{shared[1]}.0.{shared[3]}.conv.weight"
        if first not in arrays or not np.array_equal(value, arrays[first]):
            raise ConfigError(
                f"checkpoint: {key} differs from {first}; the levels of this head share their convolutions."
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
    """Fields of the scaling that the names decide on: repeats and depths.

    Raises:
        ConfigError: the ports have no such backbone.
    """
    if architecture.family != "spinenet" or len(architecture.stem) != 2:
        raise ConfigError("checkpoint: the mmdetection ports hold SpineNet alone; give one of its architectures.")
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
    """The ports count a block's parents as consumed only after it merged what nothing consumed, its parents too."""
    nodes, consumed = architecture.nodes, dict(architecture.merge_edges)
    for index in range(len(architecture.stem), len(nodes)):
        for parent in nodes[index].parents:
            alike = (nodes[parent].level, nodes[parent].block_type) == (nodes[index].level, nodes[index].block_type)
            if nodes[index].is_output and alike and consumed.get(parent, index) >= index:
                raise ConfigError(
                    f"checkpoint: block {parent} is a parent of block {index} and nothing's before; the mmdetection "
                    f"ports add it there a second time, so they compute another network."
                )
            consumed[parent] = min(index, consumed.get(parent, index))


def keys(arrays: Arrays, architecture: Architecture, head: str, repeats: int, slots: Iterable[str]) -> dict[str, str]:
    """Slot -> name in the state dictionary."""
    return {slot: _key(slot, architecture) for slot in slots}


def _key(slot: str, architecture: Architecture) -> str:
    role, part = slot.rsplit(".", 1)
    name = NORM_NAMES.get(part, {"kernel": "weight", "bias": "bias"}.get(part, part))
    if role in LAYERS:
        return f"{LAYERS[role]}.{name}"
    if re.fullmatch(r"rpn_tower\.norm0\.\d+", role):
        return f"rpn_head.rpn_conv.bn.{name}"
    if role in ("box_head.fc_norm", "mask_head.deconv_norm"):
        return f"{LAYERS[role.removesuffix('_norm')]}.bn.{name}"
    if region := re.fullmatch(r"(box_head|mask_head)\.(conv|norm)(\d+)", role):
        return f"{REGION_TOWERS[region[1]]}.{region[3]}.{'conv' if region[2] == 'conv' else 'bn'}.{name}"
    if tower := re.fullmatch(r"(class_tower|box_tower)\.(conv|norm)(\d+)(?:\.(\d+))?", role):
        level = int(tower[4]) - architecture.min_level if tower[4] else 0
        layer = "conv" if tower[2] == "conv" else "bn"
        return f"bbox_head.{TOWERS[tower[1]]}.{level}.{tower[3]}.{layer}.{name}"
    if block := re.fullmatch(r"node(\d+)\.block(\d+)\.(.+)", role):
        return _block_key(int(block[1]), block[2], block[3], part, architecture) + f".{name}"
    module = "bn" if part in NORM_NAMES else "conv"
    if role == "stem":
        return f"backbone.conv1.{module}.{name}"
    if role.startswith("endpoint"):
        return f"backbone.endpoint_convs.{role.removeprefix('endpoint')}.{module}.{name}"
    connection = re.fullmatch(r"connection(\d+)-(\d+)\.(.+)", role)
    assert connection is not None, role
    index = int(connection[2])
    position = architecture.nodes[index].parents.index(int(connection[1]))
    number = index - len(architecture.stem)
    return f"backbone.merge_ops.{number}.resample_ops.{position}.{CONNECTION_LAYERS[connection[3]]}.{module}.{name}"


def _block_key(index: int, repeat: str, layer: str, part: str, architecture: Architecture) -> str:
    first = len(architecture.stem)
    group = f"init_block{index + 1}" if index < first else f"scale_permuted_blocks.{index - first}"
    if layer == "projection":
        return f"backbone.{group}.{repeat}.downsample.{1 if part in NORM_NAMES else 0}"
    convolution, norm = BLOCK_LAYERS[architecture.nodes[index].block_type][layer]
    return f"backbone.{group}.{repeat}.{norm if part in NORM_NAMES else convolution}"
