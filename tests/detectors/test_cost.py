"""Published and independently counted sizes, with nothing allocated."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from nas.detectors import PROXY, MaskRCNN, build_detector, cost
from nas.detectors.build import load_published
from nas.detectors.layers import ConvNorm
from search_spaces.errors import ConfigError

# name, image size, trainable parameters, batch-normalisation statistics, multiply-adds of TensorFlow's profiler / 2 (G)
COUNTED = [
    ("spinenet-49s", 640, 11_265_942, 67_376, 30.879),
    ("spinenet-49", 640, 28_543_383, 109_184, 85.435),
    ("spinenet-49", 896, 28_543_383, 109_184, 167.245),
    ("spinenet-96", 1024, 42_974_871, 143_232, 265.586),
    ("spinenet-143", 1280, 66_959_511, 186_752, 524.523),
    ("spinenet-190", 1280, 163_637_351, 333_232, 1883.758),
    ("r0-sp53", 640, 26_056_215, None, 94.828),
    ("r23-sp30", 640, 26_510_871, None, 95.482),
    ("spinenet-mobile-49", 384, 2_337_579, 49_024, 1.013),
    ("spinenet-mobile-49s", 384, 1_030_653, 32_394, 0.517),
    ("spinenet-mobile-49xs", 256, 872_711, 28_864, 0.174),
    ("r50-fpn", 640, 34_091_159, 76_160, 96.926),
    ("r101-fpn", 1024, 53_083_287, 128_384, 325.743),
    ("r152-fpn", 1280, 68_726_935, 174_464, 630.258),
]

# name, trainable parameters with 1001 classes, multiply-adds of the convolutions at 224 px (G)
CLASSIFIERS = [
    ("spinenet-49s", 9_218_344, None),
    ("spinenet-49", 22_088_745, 3.4777),
    ("spinenet-96", 36_520_233, 5.7233),
    ("spinenet-143", 60_504_873, 9.0866),
    ("spinenet-190", 127_101_177, 19.1113),
]


# the same with Mask R-CNN: name, image size, trainable parameters, multiply-adds of TensorFlow's profiler / 2 (G)
MASK_RCNN = [
    ("spinenet-49s", 640, 13_946_608, 59.755),
    ("spinenet-49", 640, 40_753_521, 215.533),
    ("spinenet-96", 1024, 55_185_009, 314.319),
    ("spinenet-143", 1280, 79_169_649, 497.958),
    ("spinenet-190", 1536, 168_210_497, 1683.791),
    ("r50-fpn", 640, 46_367_089, 259.088),
]

# name, depth of the region proposal network, parameters of that, of the box head and of the mask head
MASK_RCNN_HEADS = [
    ("spinenet-49s", 1, (150_799, 4_037_575, 669_019)),
    ("spinenet-49", 1, (596_495, 15_676_871, 2_648_667)),
    ("spinenet-190", 7, (9_767_439, 29_477_191, 10_366_171)),
]


@pytest.mark.parametrize(("name", "size", "trainable", "statistics", "giga"), COUNTED)
def test_published_sizes(name: str, size: int, trainable: int, statistics: int | None, giga: float) -> None:
    with torch.device("meta"):
        found = cost(build_detector(name), size)
    assert found.params_trainable == trainable
    assert statistics in (None, found.params_batch_norm_statistics)
    assert found.multiply_adds == pytest.approx(giga * 1e9, rel=0.005)


def test_size_of_the_143l_backbone() -> None:
    with torch.device("meta"):
        backbone = build_detector("spinenet-143l").backbone
    assert sum(parameter.numel() for parameter in backbone.parameters()) == 100_796_257


def test_size_of_the_proxy() -> None:
    with torch.device("meta"):
        found = cost(build_detector("spinenet-49", PROXY), (512, 512))
    assert (found.params_trainable, found.params_batch_norm_statistics) == (1_963_575, 26_080)
    assert found.multiply_adds == pytest.approx(5.854e9, rel=0.005)


@pytest.mark.parametrize(("name", "trainable", "giga"), CLASSIFIERS)
def test_published_sizes_as_classifiers(name: str, trainable: int, giga: float | None) -> None:
    with torch.device("meta"):
        found = cost(build_detector(name, head="classifier", classes=1001), 224)
    assert found.params_trainable == trainable
    assert giga is None or found.multiply_adds == pytest.approx(giga * 1e9, rel=0.005)


@pytest.mark.parametrize(("name", "size", "trainable", "giga"), MASK_RCNN)
def test_published_sizes_with_mask_rcnn(name: str, size: int, trainable: int, giga: float) -> None:
    with torch.device("meta"):
        found = cost(build_detector(name, head="mask_rcnn"), size)
    assert found.params_trainable == trainable
    assert found.multiply_adds == pytest.approx(giga * 1e9, rel=0.005)


@pytest.mark.parametrize(("name", "rpn_depth", "expected"), MASK_RCNN_HEADS)
def test_sizes_of_mask_rcnns_heads(name: str, rpn_depth: int, expected: tuple[int, ...]) -> None:
    architecture, scaling = load_published(name, "mask_rcnn")
    with torch.device("meta"):
        detector = build_detector(architecture, dataclasses.replace(scaling, rpn_depth=rpn_depth), "mask_rcnn")
    assert isinstance(detector, MaskRCNN)
    parts = (detector.rpn, detector.box_head, detector.mask_head)
    assert tuple(sum(x.numel() for x in part.parameters()) for part in parts) == expected


def test_spinenet_190_with_mask_rcnn_as_its_configuration_was_released() -> None:
    architecture, scaling = load_published("spinenet-190", "mask_rcnn")
    with torch.device("meta"):
        found = cost(build_detector(architecture, dataclasses.replace(scaling, rpn_depth=7), "mask_rcnn"), 1536)
    assert found.params_trainable == 176_198_465
    assert found.multiply_adds == pytest.approx(2074.844e9, rel=0.005)


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn", "classifier"])
@pytest.mark.parametrize("name", ["spinenet-49", "spinenet-mobile-49", "r50-fpn"])
def test_parts_add_up_to_the_parameters_there_are(name: str, head: str) -> None:
    with torch.device("meta"):
        detector = build_detector(name, head=head, classes=5)
    found = cost(detector, (256, 384))
    assert found.params_trainable == sum(parameter.numel() for parameter in detector.parameters())
    assert found.params_batch_norm_statistics == sum(buffer.numel() for buffer in detector.buffers())
    assert found.multiply_adds == sum(block.multiply_adds for block in found.blocks)
    assert all(block.activation_bytes > 0 for block in found.blocks)
    names = [block.name for block in found.blocks]
    assert len(set(names)) == len(names)


def test_activations_are_the_outputs_of_all_convolutions() -> None:
    """The plainest block: what hooks see is what is counted."""
    detector = build_detector("spinenet-49", PROXY)
    seen = []
    stem = detector.backbone.groups["0"]
    for module in stem.modules():
        if isinstance(module, ConvNorm):
            module.register_forward_hook(lambda _, __, output: seen.append(output.numel() * 4))
    detector.backbone(torch.zeros(1, 3, 128, 128))
    counted = next(block for block in cost(detector, 128).blocks if block.name == "block 0")
    assert counted.activation_bytes == sum(seen)


@pytest.mark.parametrize("size", [0, -3, (640,), (640, 0), 12.5])
def test_a_wrong_image_size_is_named(size: object) -> None:
    with torch.device("meta"):
        detector = build_detector("spinenet-49", PROXY)
    with pytest.raises(ConfigError, match="image_size"):
        cost(detector, size)  # type: ignore[arg-type]
