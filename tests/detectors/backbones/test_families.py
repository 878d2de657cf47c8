"""Blocks and networks beyond SpineNet's: strided stems, MBConv blocks, the feature pyramid, the classifier."""

from __future__ import annotations

import pytest
import torch

import search_spaces
from nas.detectors import build_detector
from nas.detectors.backbones.families import FAMILIES
from nas.detectors.layers import ConvNorm
from nas.detectors.scaling import PROXY, Scaling
from search_spaces.block import BlockSpec
from search_spaces.errors import ConfigError
from tests.detectors.support import TINY, tiny


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


@pytest.mark.parametrize(
    ("width", "expected"), [(0.65, (20, 41, 83, 166)), (1.3, (41, 83, 166, 332)), (0.25, (8, 16, 32, 64))]
)
def test_widths_are_rounded_down(width: float, expected: tuple[int, ...]) -> None:
    scaling, family = Scaling(width=width), FAMILIES["spinenet"]
    assert tuple(family.width(level, scaling) for level in (1, 2, 3, 4)) == expected
    assert family.width(7, scaling) == expected[-1]
    assert family.channels(BlockSpec(2), scaling) == 4 * family.channels(BlockSpec(2, "residual"), scaling)


def test_narrowing_goes_by_the_width_of_the_block() -> None:
    assert FAMILIES["spinenet"].connection_width(2, Scaling(width=0.65)) == 20
    assert FAMILIES["spinenet"].connection_width(1, PROXY) == 2
    assert FAMILIES["mobile"].connection_width(3, PROXY) == 10


def test_a_width_without_channels_is_named() -> None:
    with pytest.raises(ConfigError, match=r"width 0.05 and alpha 0.1 .* level 2"):
        build_detector("spinenet-49", Scaling(width=0.05, alpha=0.1))


@pytest.mark.parametrize(("convention", "last"), [("tpu", 0.2), ("model_garden", 0.2 * 15 / 16)])
def test_stochastic_depth_rises_from_block_to_block(convention: str, last: float) -> None:
    with torch.device("meta"):
        backbone = build_detector("spinenet-49", tiny(convention, stochastic_depth=0.2)).backbone
    rates = [backbone.groups[str(node)][0].drop_rate for node in range(17)]
    assert rates[:2] == [0, 0]
    assert rates[2:] == pytest.approx([last * (at + 1) / 15 for at in range(15)])
