"""State dictionaries of the mmdetection ports, held against networks written for the test as the ports are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import search_spaces
from nas.checkpoints import convert
from nas.checkpoints.convert import convert_arrays
from nas.checkpoints.mmdet import prepare
from nas.detectors.heads.mask_rcnn import MaskRCNN
from nas.detectors.heads.retinanet import RetinaNet
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec
from search_spaces.errors import ConfigError
from tests.checkpoints.mmdet_port import (
    ALPHA,
    CHANNELS,
    CLASSES,
    DEPTH,
    ENDPOINTS,
    EPSILON,
    FC_CHANNELS,
    MASK_CLASSES,
    SPINENET_49,
    WIDTH,
    MaskPort,
    Port,
    arrays_of,
)
from tests.detectors.heads.regions_support import crop_inclusive, pixel_regions

SWAP = [1, 0, 3, 2]  # dx, dy, dw, dh -> ty, tx, th, tw
SIZE = (128, 256)


def refused(arrays: dict[str, np.ndarray], sentence: str, architecture: Architecture = SPINENET_49) -> None:
    with pytest.raises(ConfigError, match=sentence):
        convert_arrays("mmdet", prepare(arrays, "retinanet"), architecture, "retinanet")


def in_our_order(x: Tensor, order: list[int]) -> Tensor:
    """The ports' [B, ratio * scale * k, h, w] -> [B, h * w * scale * ratio, k], its last axis reordered."""
    x = x.unflatten(1, (3, 3, -1)).permute(0, 4, 5, 2, 1, 3)
    return x.flatten(1, 4)[..., order]


@pytest.mark.parametrize("repeats", [1, 2])
def test_a_file_of_the_ports(repeats: int, tmp_path: Path) -> None:
    port, path = Port(repeats), tmp_path / "epoch_350.pth"
    torch.save({"meta": {"epoch": 350, "CLASSES": ("a", "b", "c")}, "state_dict": port.state_dict()}, path)
    detector = convert("mmdet", path, "spinenet-49")
    assert detector.classes == CLASSES + 1
    scaling = detector.scaling
    assert (scaling.width, scaling.alpha, scaling.repeats, scaling.endpoints) == (WIDTH, ALPHA, repeats, ENDPOINTS)
    assert (scaling.convention, scaling.inclusive_pixels, scaling.bn_epsilon) == ("mmdet", True, EPSILON)
    images = torch.randn(2, 3, 128, 256, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps, outputs = port(images)
        raw = detector(images)
    assert isinstance(detector, RetinaNet)
    classes, codes, _ = detector.flatten(raw)
    for level, expected in zip(detector.levels, maps):
        torch.testing.assert_close(raw["endpoints"][level], expected, atol=5e-5, rtol=1e-5)
    expected_classes = torch.cat([in_our_order(x, [0, 1, 2]) for x, _ in outputs], 1)
    expected_codes = torch.cat([in_our_order(x, [1, 0, 3, 2]) for _, x in outputs], 1)
    torch.testing.assert_close(classes[..., 1:], expected_classes, atol=5e-5, rtol=1e-5)
    torch.testing.assert_close(codes, expected_codes, atol=5e-5, rtol=1e-5)


@pytest.mark.parametrize("epsilon", [None, 1e-5])
@torch.no_grad()
def test_a_mask_rcnn_file_of_the_ports(epsilon: float | None, tmp_path: Path) -> None:
    port, path = MaskPort(), tmp_path / "mask_rcnn.pth"
    norms = [module for module in port.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.eps = epsilon or norm.eps
    torch.save({"meta": {"epoch": 350}, "state_dict": port.state_dict()}, path)
    detector = convert(
        "mmdet", path, "spinenet-49", "mask_rcnn", settings={} if epsilon is None else {"bn_epsilon": epsilon}
    )
    assert isinstance(detector, MaskRCNN)
    scaling = detector.scaling
    assert (detector.classes, scaling.head_depth, scaling.mask_depth, scaling.rpn_depth) == (MASK_CLASSES, DEPTH, 1, 1)
    assert (scaling.fc_channels, scaling.head_channels, scaling.convention) == (FC_CHANNELS, CHANNELS, "mmdet")
    images = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
    maps, raw = port.backbone(images), detector(images)
    for level, x in zip(detector.levels, maps):
        shared = port.rpn_head.rpn_conv(x).relu()
        close(raw["class"][level], port.rpn_head.rpn_cls(shared))
        close(raw["box"][level].unflatten(1, (3, 4)), port.rpn_head.rpn_reg(shared).unflatten(1, (3, 4))[:, :, SWAP])
    check_regions(port, detector, dict(zip(detector.levels, maps)), raw["endpoints"])


def check_regions(port: MaskPort, detector: MaskRCNN, maps: dict[int, Tensor], endpoints: dict[int, Tensor]) -> None:
    torch.manual_seed(2)
    rois, labels = pixel_regions(8, *SIZE).float(), torch.arange(8) % MASK_CLASSES
    own = {level: x[0] for level, x in maps.items()}
    logits, codes = port.boxes(torch.stack([crop_inclusive(own, box.tolist(), 7) for box in rois]))
    ours, ours_codes = detector.box_outputs(endpoints, [rois])
    close(ours, logits)
    close(ours_codes.unflatten(1, (-1, 4)), codes.unflatten(1, (-1, 4))[..., SWAP])
    masks = port.masks(torch.stack([crop_inclusive(own, box.tolist(), 14) for box in rois]))
    close(detector.mask_outputs(endpoints, [rois], labels), masks[torch.arange(8), labels])


def close(ours: Tensor, theirs: Tensor) -> None:
    torch.testing.assert_close(ours, theirs, atol=5e-5, rtol=1e-5)


def test_kernels_that_should_be_shared_and_are_not() -> None:
    arrays = arrays_of(Port())
    arrays["bbox_head.cls_convs.3.1.conv.weight"] = arrays["bbox_head.cls_convs.3.1.conv.weight"] + 1
    refused(arrays, r"bbox_head.cls_convs.3.1.conv.weight differs from bbox_head.cls_convs.0.1.conv.weight")


def test_missing_and_unknown_keys() -> None:
    arrays = arrays_of(Port())
    del arrays["backbone.merge_ops.4.resample_ops.1.expand_conv.bn.weight"]
    arrays["neck.extra"] = np.zeros(1, np.float32)
    refused(arrays, r"1 keys without a place: neck.extra; 1 places without a key: connection5-6.widen.gamma")


def test_other_heads_and_architectures() -> None:
    arrays = arrays_of(Port())
    with pytest.raises(ConfigError, match=r"begins with 'rpn_head.rpn_conv.'; it is not a mask_rcnn checkpoint"):
        prepare(arrays, "mask_rcnn")
    with pytest.raises(ConfigError, match=r"begins with 'bbox_head.retina_cls.'; it is not a retinanet checkpoint"):
        prepare({"backbone.conv1.conv.weight": np.zeros(1)}, "retinanet")
    refused(arrays, "type fpn, which no checkpoint of mmdet has", search_spaces.load("r50-fpn"))
    refused(arrays, r"^checkpoint: ", search_spaces.load("r0-sp53"))


def test_a_wiring_that_the_ports_merge_differently_is_refused() -> None:
    """They add a block into its own only consumer once more, if level and type are the same."""
    nodes = list(SPINENET_49.blocks)
    nodes[9] = BlockSpec(4, "bottleneck", (8, 10))  # node 11, which nothing consumes
    nodes[10] = BlockSpec(4, "bottleneck", (5, 11), True)
    architecture = Architecture(SPINENET_49.stem, tuple(nodes))
    refused(arrays_of(Port()), "block 11 is a parent of block 12", architecture)


def test_what_the_heads_lack_or_have_too_much() -> None:
    arrays = arrays_of(MaskPort())
    del arrays["mask_head.upsample.bias"]
    arrays["bbox_head.shared_fcs.1.weight"] = np.zeros((FC_CHANNELS, FC_CHANNELS), np.float32)
    with pytest.raises(ConfigError, match=r"place: bbox_head.shared_fcs.1.weight; .* key: mask_head.deconv.bias"):
        convert_arrays("mmdet", prepare(arrays, "mask_rcnn"), SPINENET_49, "mask_rcnn")
    with pytest.raises(ConfigError, match=r"begins with 'bbox_head.retina_cls.'; it is not a retinanet checkpoint"):
        prepare(arrays, "retinanet")
