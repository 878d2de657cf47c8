"""The named conventions differ where the published code bases do."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

import search_spaces
from nas.detectors import CONVENTIONS, Scaling, build_detector
from nas.detectors.anchors import anchor_boxes, decode, to_corners
from nas.detectors.blocks import ConvNorm, SqueezeExcite
from nas.detectors.convention import MMDET, MODEL_GARDEN, TPU
from nas.detectors.resample import pool_to
from search_spaces.errors import ConfigError

TINY = {"width": 0.1, "endpoints": 8, "head_channels": 8, "head_depth": 1}


def tiny(convention: str, **changes: object) -> Scaling:
    return Scaling(**{**TINY, "convention": convention, **changes}).resolved("retinanet")  # type: ignore[arg-type]


@pytest.mark.parametrize(("kernel", "length", "same"), [(3, 8, (0, 1)), (3, 9, (1, 1)), (7, 8, (2, 3)), (7, 9, (3, 3))])
def test_padding_of_strided_convolutions(kernel: int, length: int, same: tuple[int, int]) -> None:
    x = torch.randn(1, 4, length, length)
    for convention, padding in (("model_garden", same), ("tpu", (kernel // 2,) * 2), ("mmdet", (kernel // 2,) * 2)):
        layer = ConvNorm(4, 4, kernel, 3, tiny(convention), stride=2).eval()
        expected = layer.norm(F.conv2d(F.pad(x, padding * 2), layer.weight, stride=2))
        torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("factor", [4, 8, 16, 32])
def test_pooling_after_the_strided_convolution(factor: int) -> None:
    """A map of 32 comes in at 16; what is left of the factor is pooled."""
    x = torch.randn(1, 2, 16, 16)
    size = (32 // factor,) * 2
    repeated = x
    while repeated.shape[2] > size[0]:
        repeated = F.max_pool2d(F.pad(repeated, (0, 1, 0, 1), value=-torch.inf), 3, 2)
    torch.testing.assert_close(pool_to(x, (32, 32), size, MODEL_GARDEN), repeated)
    kernel, stride = (3, 2) if factor == 4 else (5, factor // 2)
    total = max(kernel - stride, 0)
    once = F.max_pool2d(F.pad(x, (total // 2, total - total // 2) * 2, value=-torch.inf), kernel, stride)
    torch.testing.assert_close(pool_to(x, (32, 32), size, TPU), once)
    ports = F.max_pool2d(x, kernel, stride, kernel // 2)
    torch.testing.assert_close(pool_to(x, (32, 32), size, MMDET), ports)


@pytest.mark.parametrize(
    ("convention", "head", "epsilon", "momentum"),
    [
        ("tpu", "retinanet", 1e-4, 0.003),
        ("tpu", "mask_rcnn", 1e-3, 0.01),
        ("tpu", "classifier", 1e-5, 0.1),
        ("model_garden", "retinanet", 1e-3, 0.01),
        ("model_garden", "mask_rcnn", 1e-3, 0.01),
        ("mmdet", "retinanet", 1e-3, 0.01),
    ],
)
def test_batch_normalisation_constants(convention: str, head: str, epsilon: float, momentum: float) -> None:
    with torch.device("meta"):
        detector = build_detector("spinenet-49", Scaling(**TINY, convention=convention), head)  # type: ignore[arg-type]
    assert (detector.scaling.bn_epsilon, detector.scaling.bn_momentum) == (epsilon, momentum)
    norm = detector.backbone.stem.conv.norm
    assert (norm.epsilon, norm.momentum) == (epsilon, momentum)
    with torch.device("meta"):
        own = build_detector("spinenet-49", Scaling(**TINY, bn_epsilon=0.5), head)  # type: ignore[arg-type]
    assert own.scaling.bn_epsilon == 0.5


def test_endpoints_of_the_ports_are_not_activated() -> None:
    image = torch.randn(1, 3, 128, 128)
    for convention, negative in (("tpu", False), ("model_garden", False), ("mmdet", True)):
        endpoints = build_detector("spinenet-49", tiny(convention), classes=3)(image)["endpoints"]
        assert (min(x.min() for x in endpoints.values()) < 0) == negative


def test_gates_of_squeeze_and_excite() -> None:
    x = 4 * torch.randn(2, 6, 5, 5)
    for convention, activation, gate in (
        ("tpu", F.silu, torch.sigmoid),
        ("model_garden", torch.relu, lambda y: F.relu6(y + 3) * 0.16667),
    ):
        squeeze = SqueezeExcite(6, 2, tiny(convention))
        weights = gate(squeeze.expand(activation(squeeze.reduce(x.mean((2, 3), keepdim=True)))))
        torch.testing.assert_close(squeeze(x), x * weights)


@pytest.mark.parametrize(("convention", "last"), [("tpu", 0.2), ("model_garden", 0.2 * 15 / 16)])
def test_stochastic_depth_rises_from_block_to_block(convention: str, last: float) -> None:
    with torch.device("meta"):
        backbone = build_detector("spinenet-49", tiny(convention, stochastic_depth=0.2)).backbone
    rates = [backbone.groups[str(node)][0].drop_rate for node in range(17)]
    assert rates[:2] == [0, 0]
    assert rates[2:] == pytest.approx([last * (at + 1) / 15 for at in range(15)])


@pytest.mark.parametrize(
    ("convention", "ratios"), [("tpu", (1, 2, 0.5)), ("model_garden", (0.5, 1, 2)), ("mmdet", (2, 1, 0.5))]
)
def test_order_of_anchors(convention: str, ratios: tuple[float, ...]) -> None:
    anchors = anchor_boxes(((3, (1, 1)),), 4.0, torch.device("cpu"), CONVENTIONS[convention])
    found = anchors[:, 3] / anchors[:, 2]
    assert found.tolist() == pytest.approx([*ratios] * 3, rel=0.1)  # the ports round corners to pixels
    assert anchors[:3, 2:].prod(1).sqrt().tolist() == pytest.approx([32] * 3, rel=0.05)


def test_anchors_of_the_ports_lie_on_pixels() -> None:
    corners = to_corners(anchor_boxes(((3, (2, 2)), (4, (1, 1))), 3.0, torch.device("cpu"), MMDET))
    assert torch.equal(corners, corners.round())


def test_decoding_with_the_last_pixel_counted_in() -> None:
    """The formulas of the TPU release's decode_boxes, by hand: an anchor of 21 x 11 pixels, inclusive."""
    anchor = torch.tensor([[15.0, 30.0, 10.0, 20.0]])  # y 10..20, x 20..40
    code = torch.tensor([[0.1, -0.2, 0.3, 0.4]])
    height, width = 11 * torch.tensor(0.3).exp(), 21 * torch.tensor(0.4).exp()
    y, x = 10 + 5.5 + 0.1 * 11, 20 + 10.5 - 0.2 * 21
    expected = [x - width / 2, y - height / 2, x + width / 2 - 1, y + height / 2 - 1]
    found = decode(code, anchor, (100, 100), inclusive=True)[0]
    assert found.tolist() == pytest.approx([float(value) for value in expected])
    assert decode(code, anchor, (20, 30), inclusive=True)[0].tolist()[2:] == [29, 19]


@pytest.mark.parametrize("name", ["spinenet-49", "spinenet-mobile-49", "r50-fpn"])
def test_an_image_size_with_broken_factors_is_named(name: str) -> None:
    architecture = search_spaces.load(name)
    detector = build_detector(architecture, tiny("model_garden", width=0.15), classes=3)
    multiple = 32 if name == "r50-fpn" else 128
    with pytest.raises(ConfigError, match=rf"width 200 is not a multiple of {multiple}; the nearest is \d+ or \d+"):
        detector(torch.zeros(1, 3, 2 * multiple, 200))


def test_the_tpu_convention_takes_any_size() -> None:
    endpoints = build_detector("spinenet-49", tiny("tpu"), classes=3)(torch.zeros(1, 3, 224, 197))["endpoints"]
    assert {level: tuple(x.shape[2:]) for level, x in endpoints.items()} == {
        3: (28, 25),
        4: (14, 13),
        5: (7, 7),
        6: (4, 4),
        7: (2, 2),
    }


def test_a_convention_is_one_constant_everywhere() -> None:
    assert copy.deepcopy(TPU) is TPU
    assert pickle.loads(pickle.dumps(MODEL_GARDEN)) is MODEL_GARDEN
