"""Published and independently counted sizes, with nothing allocated."""

from __future__ import annotations

import pytest
import torch

from nas.detectors import PROXY, build_detector, cost
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


def test_convolutions_alone_of_r0_sp53() -> None:
    with torch.device("meta"):
        assert cost(build_detector("r0-sp53"), 640).multiply_adds == pytest.approx(94.770e9, rel=1e-5)


@pytest.mark.parametrize("size", [0, -3, (640,), (640, 0), 12.5])
def test_a_wrong_image_size_is_named(size: object) -> None:
    with torch.device("meta"):
        detector = build_detector("spinenet-49", PROXY)
    with pytest.raises(ConfigError, match="image_size"):
        cost(detector, size)  # type: ignore[arg-type]
