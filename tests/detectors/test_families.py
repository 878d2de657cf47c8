"""Blocks and networks beyond SpineNet's: strided stems, MBConv blocks, the feature pyramid, the classifier."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

import search_spaces
from nas.detectors import PUBLISHED, Scaling, build_detector
from nas.detectors.blocks import ConvNorm, block_group
from nas.detectors.head_layers import SeparableConv
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec

TINY = Scaling(width=0.1, endpoints=8, head_channels=8, head_depth=1).resolved("retinanet")


@pytest.mark.parametrize("block_type", ["bottleneck", "residual", "mbconv"])
def test_the_first_block_of_a_group_takes_the_stride(block_type: str) -> None:
    family = "mobile" if block_type == "mbconv" else "spinenet"
    scaling = Scaling(width=0.25, repeats=3).resolved("retinanet")
    group = block_group(BlockSpec(4, block_type), 12, scaling, stride=2, family=family)
    assert group(torch.randn(2, 12, 9, 8)).shape == (2, scaling.block_channels(4, block_type, family), 5, 4)
    assert len(group) == 3


def test_a_strided_bottleneck_block_is_that_of_resnet_v15() -> None:
    block = block_group(BlockSpec(3, "bottleneck"), 10, TINY, stride=2)[0].eval()
    x = torch.randn(1, 10, 8, 8)
    y = block.reduce.norm(F.conv2d(x, block.reduce.weight)).relu()
    y = block.conv.norm(F.conv2d(y, block.conv.weight, stride=2, padding=1)).relu()
    y = block.expand.norm(F.conv2d(y, block.expand.weight))
    shortcut = block.projection.norm(F.conv2d(x, block.projection.weight, stride=2))
    torch.testing.assert_close(block(x), (y + shortcut).relu())


@pytest.mark.parametrize(("channels_in", "stride"), [(8, 1), (4, 1), (8, 2)])
def test_an_mbconv_block(channels_in: int, stride: int) -> None:
    """Shortcut only where nothing changes; no activation at the end; squeezed to a fifth of the input."""
    scaling = Scaling(width=0.1, activation="swish").resolved("retinanet")
    block = block_group(BlockSpec(4, "mbconv"), channels_in, scaling, stride=stride, family="mobile")[0].eval()
    x = torch.randn(2, channels_in, 8, 8)
    y = F.silu(block.expand.norm(F.conv2d(x, block.expand.weight)))
    y = F.conv2d(y, block.depthwise.weight, stride=stride, padding=1, groups=6 * channels_in)
    y = block.squeeze(F.silu(block.depthwise.norm(y)))
    y = block.project.norm(F.conv2d(y, block.project.weight))
    expected = y + x if (channels_in, stride) == (8, 1) else y
    torch.testing.assert_close(block(x), expected)
    assert block.squeeze.reduce.out_channels == max(1, channels_in // 5)


def test_the_feature_pyramid_by_hand() -> None:
    detector = build_detector("r50-fpn", Scaling(width=0.1, endpoints=8, head_channels=8, head_depth=1), classes=3)
    pyramid = detector.eval().backbone.pyramid
    c3, c4, c5 = (
        torch.randn(1, pyramid.laterals[level].in_channels, s, s) for level, s in (("3", 8), ("4", 4), ("5", 2))
    )
    found = pyramid({"6": c3, "12": c4, "15": c5})
    top = pyramid.laterals["5"](c5)
    middle = pyramid.laterals["4"](c4) + F.interpolate(top, scale_factor=2)
    bottom = pyramid.laterals["3"](c3) + F.interpolate(middle, scale_factor=2)
    maps = {level: pyramid.smooths[str(level)](x) for level, x in ((3, bottom), (4, middle), (5, top))}
    maps[6] = pyramid.coarsers["6"](F.pad(maps[5], (0, 1, 0, 1)))
    maps[7] = pyramid.coarsers["7"](F.pad(maps[6].relu(), (1, 1, 1, 1)))
    for level, x in maps.items():
        torch.testing.assert_close(found[level], pyramid.norms[str(level)](x))


def test_a_classifier_averages_all_levels() -> None:
    detector = build_detector("spinenet-49", TINY, "classifier", classes=7).eval()
    raw = detector(torch.randn(2, 3, 224, 224))
    up = [F.interpolate(x, size=(28, 28), mode="nearest") for x in raw["endpoints"].values()]
    torch.testing.assert_close(raw["class"], detector.predictor(torch.stack(up).mean(0).mean((2, 3))))
    best = detector.detect(torch.randn(2, 3, 224, 224))
    assert [tuple(image["labels"].shape) for image in best] == [(5,), (5,)]
    loss = detector.loss(raw, [{"labels": torch.tensor([1])}, {"labels": torch.tensor([6])}])["class"]
    torch.testing.assert_close(loss, F.cross_entropy(raw["class"], torch.tensor([1, 6])))


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn", "classifier"])
@pytest.mark.parametrize("name", ["spinenet-mobile-49", "r23-sp30", "r50-fpn"])
def test_every_family_trains_with_every_head(name: str, head: str) -> None:
    scaling = Scaling(
        width=0.15,
        endpoints=8,
        head_channels=8,
        head_depth=1,
        fc_channels=8,
        separable=name == "spinenet-mobile-49",
        activation="swish",
        stochastic_depth=0.2,
        repeats=2 if name == "spinenet-mobile-49" else 1,
    )
    torch.manual_seed(0)
    detector = build_detector(search_spaces.load(name), scaling, head, classes=3)
    raw = detector(torch.randn(2, 3, 128, 128))
    boxes, masks = torch.tensor([[10.0, 10.0, 100.0, 90.0]]), torch.zeros(1, 128, 128)
    masks[:, 10:90, 10:100] = 1
    target = {"boxes": boxes, "labels": torch.tensor([2]), "masks": masks}
    sum(detector.loss(raw, [target, target]).values()).backward()
    stemless = [name for name, parameter in detector.named_parameters() if parameter.grad is None]
    assert not stemless


def test_a_name_brings_the_scaling_of_its_head() -> None:
    with torch.device("meta"):
        small = build_detector("spinenet-49s", head="mask_rcnn")
        baseline = build_detector("r50-fpn", head="mask_rcnn")
        mobile = build_detector("spinenet-mobile-49xs")
    assert small.scaling.fc_channels == 512
    assert baseline.levels == (2, 3, 4, 5, 6)
    assert (mobile.scaling.separable, mobile.scaling.activation, mobile.scaling.endpoints) == (True, "swish", 24)


def test_every_published_name_has_its_architecture() -> None:
    for published in PUBLISHED.values():
        for head in ("retinanet", "mask_rcnn", "classifier"):
            assert isinstance(search_spaces.load(published.for_head(head)[0]), Architecture)


def test_initial_weights_are_those_of_the_release() -> None:
    """Truncated normal over the inputs for convolutions, Glorot uniform for depthwise and separable ones."""
    torch.manual_seed(0)
    detector = build_detector("spinenet-mobile-49")
    for module in detector.backbone.modules():
        if isinstance(module, ConvNorm) and module.weight.numel() > 4000:
            channels_out, channels_in, *kernel = module.weight.shape
            area = kernel[0] * kernel[1]
            glorot = (2 / (area * (channels_in + channels_out))) ** 0.5
            expected = glorot if module.groups > 1 else (channels_in * area) ** -0.5
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=0.1)
    pointwise = detector.head.class_predictor.pointwise.weight.detach()
    assert float(pointwise.std()) == pytest.approx((2 / sum(pointwise.shape[:2])) ** 0.5, rel=0.1)
    plain = build_detector("spinenet-49", TINY).head
    assert float(plain.class_tower.convolutions[0].weight.detach().std()) == pytest.approx(0.01, rel=0.2)


def test_a_separable_mask_rcnn_is_separable_throughout() -> None:
    scaling = Scaling(width=0.15, endpoints=8, head_channels=8, head_depth=1, fc_channels=8, separable=True)
    with torch.device("meta"):
        detector = build_detector(search_spaces.load("spinenet-mobile-49"), scaling, "mask_rcnn", classes=5)
    for layer in (detector.rpn.class_predictor, detector.rpn.box_predictor, detector.mask_head.predictor):
        assert isinstance(layer, SeparableConv)
