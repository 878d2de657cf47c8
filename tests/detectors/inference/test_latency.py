"""Measured latency and memory say what was done."""

from __future__ import annotations

import sys

import pytest
import torch

from nas.detectors import Scaling, build_detector
from nas.detectors.inference.latency import measure_latency
from search_spaces.errors import ConfigError

TINY = Scaling(width=0.1, endpoints=8, head_channels=8, head_depth=1)


def test_a_measurement_tells_its_method() -> None:
    detector = build_detector("spinenet-49", TINY, classes=3)
    found = measure_latency(detector, (128, 192), batch=2, warmup=1, runs=3, postprocessing=True)
    assert 0 < found.fastest <= found.milliseconds <= found.slowest
    assert found.weight_bytes == sum(4 * x.numel() for x in detector.state_dict().values())
    for words in (
        "median of 3 runs after 1 to warm up",
        "batch 2 of 128x192",
        "float32",
        "with post-processing",
        "cpu",
    ):
        assert words in str(found)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the resident size is read from Linux")
def test_peak_memory_grows_with_the_batch() -> None:
    detector = build_detector("spinenet-49", TINY, classes=3)
    small, large = (measure_latency(detector, (256, 256), batch, warmup=0, runs=1).peak_bytes for batch in (1, 48))
    assert small is not None
    assert large is not None
    assert large > small + 48 * 3 * 256 * 256


def test_another_precision_is_used() -> None:
    detector = build_detector("spinenet-49", TINY, classes=3)
    seen = []
    detector.register_forward_hook(lambda _, __, output: seen.append(output["class"][3].dtype))
    measure_latency(detector, (128, 128), precision="bfloat16", warmup=0, runs=1)
    assert seen == [torch.bfloat16]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"precision": "int3"}, "int3.*bfloat16"),
        ({"batch": 0}, "batch is 0"),
        ({"runs": 0}, "runs is 0"),
        ({"warmup": -1}, "warmup is -1"),
    ],
)
def test_bad_settings_are_named(arguments: dict[str, object], words: str) -> None:
    detector = build_detector("spinenet-49", TINY, classes=3)
    with pytest.raises(ConfigError, match=words):
        measure_latency(detector, (128, 128), **arguments)  # type: ignore[arg-type]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_is_named() -> None:
    with pytest.raises(ConfigError, match="no such CUDA device"):
        measure_latency(build_detector("spinenet-49", TINY, classes=3), (128, 128), device="cuda")
