"""Fast inference gives the plain detector's outputs."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nas.detectors import build_detector, winograd
from nas.detectors.blocks import BatchNorm
from nas.detectors.inference import fold_batch_norm, optimise
from nas.detectors.scaling import Scaling
from nas.detectors.winograd import WinogradConv

SMALL = {"width": 0.25, "alpha": 0.25, "endpoints": 128, "head_channels": 128, "head_depth": 1}


def trained(name: str = "spinenet-49", **changes: object) -> nn.Module:
    """A small detector with statistics, factors and predictors as far from their initial values as training's are."""
    torch.manual_seed(0)
    detector = build_detector(name, Scaling(**{**SMALL, **changes}), classes=20).eval()
    for module in detector.modules():
        if isinstance(module, BatchNorm):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.3, 2)
    for parameter in detector.head.parameters():
        if parameter.dim() == 4:
            nn.init.normal_(parameter, std=parameter[0].numel() ** -0.5)
    return detector


def assert_same(actual: dict, expected: dict) -> None:
    assert actual.keys() == expected.keys()
    for name, levels in expected.items():
        assert actual[name].keys() == levels.keys()
        for level, x in levels.items():
            torch.testing.assert_close(actual[name][level], x, atol=1e-4, rtol=0)


@pytest.mark.parametrize("changes", [{}, {"activation": "swish"}, {"repeats": 2, "width": 0.5}])
@torch.no_grad()
def test_same_outputs_without_compiler(changes: dict) -> None:
    detector = trained(**changes)
    images = torch.randn(2, 3, 128, 192)
    expected = detector(images)
    assert max(x.abs().max() for x in expected["class"].values()) > 1
    folded = fold_batch_norm(detector)
    assert not any(isinstance(module, BatchNorm) for module in folded.modules())
    assert_same(folded(images), expected)
    assert_same(optimise(detector, compile=False)(images), expected)
    assert_same(detector(images), expected)


@torch.no_grad()
def test_same_outputs_and_detections_compiled() -> None:
    detector = trained()
    fast = optimise(detector)
    assert any(isinstance(module, WinogradConv) for module in fast.modules())
    for size in ((320, 320), (328, 392)):
        images = torch.randn(1, 3, *size)
        assert_same(fast(images), detector(images))
    expected, actual = detector.detect(images)[0], fast.detect(images)[0]
    torch.testing.assert_close(actual["scores"], expected["scores"], atol=1e-4, rtol=0)


@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 128), (41, 37, 130), (35, 64, 144)])
@torch.no_grad()
def test_winograd_is_the_convolution(height: int, width: int, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "_compiled", lambda function: function)
    torch.manual_seed(0)
    weight, bias = torch.randn(channels, 128, 3, 3) / 34, torch.randn(channels)
    scale, shift = torch.randn(channels, 1, 1), torch.randn(channels, 1, 1)
    x = torch.randn(2, 128, height, width).contiguous(memory_format=torch.channels_last)
    exact = F.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    convolution = WinogradConv(weight, bias)
    torch.testing.assert_close(convolution(x).double(), exact, atol=1e-5, rtol=0)
    normalised = (exact * scale + shift).relu()
    torch.testing.assert_close(convolution(x, scale, shift, "relu").double(), normalised, atol=3e-5, rtol=0)
