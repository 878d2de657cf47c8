"""The named conventions differ where the published code bases do."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

import search_spaces
from nas.detectors import Scaling, build_detector
from nas.detectors.backbones.connections import pool_to
from nas.detectors.convention import MMDET, MODEL_GARDEN, TPU
from nas.detectors.layers import ConvNorm
from search_spaces.errors import ConfigError
from tests.detectors.support import SMALL, tiny


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
        detector = build_detector("spinenet-49", Scaling(**SMALL, convention=convention), head)  # type: ignore[arg-type]
    assert (detector.scaling.bn_epsilon, detector.scaling.bn_momentum) == (epsilon, momentum)
    norm = detector.backbone.stem.conv.norm
    assert (norm.epsilon, norm.momentum) == (epsilon, momentum)
    with torch.device("meta"):
        own = build_detector("spinenet-49", Scaling(**SMALL, bn_epsilon=0.5), head)  # type: ignore[arg-type]
    assert own.scaling.bn_epsilon == 0.5


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
