"""Fast inference gives the plain detector's outputs."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import search_spaces
from nas.detectors import build_detector, winograd
from nas.detectors.blocks import BatchNorm
from nas.detectors.inference import fold_batch_norm, optimise
from nas.detectors.packed import PackedConv
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


NARROW = {"endpoints": 8, "head_channels": 8, "head_depth": 1, "fc_channels": 8}


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn", "classifier"])
@pytest.mark.parametrize("convention", ["tpu", "model_garden", "mmdet"])
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("spinenet-49", {"width": 0.25}),
        ("spinenet-mobile-49", {"width": 0.25, "separable": True, "activation": "swish"}),
        ("r50-fpn", {"width": 0.1}),
    ],
)
@torch.no_grad()
def test_every_family_head_and_convention(name: str, changes: dict, convention: str, head: str) -> None:
    torch.manual_seed(0)
    scaling = Scaling(**{**NARROW, **changes, "convention": convention})
    detector = build_detector(search_spaces.load(name), scaling, head, classes=4).eval()
    for module in detector.modules():
        if isinstance(module, BatchNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            module.running_mean.normal_(std=0.3)
            module.running_var.uniform_(0.5, 1.5)
    images = torch.randn(1, 3, 128, 256)
    fast = optimise(detector, compile=False)
    expected, actual = detector(images), fast(images)
    for key, value in expected.items():
        for level, x in value.items() if isinstance(value, dict) else [("", value)]:
            other = actual[key][level] if isinstance(value, dict) else actual[key]
            limit = 1e-4 * max(1.0, float(torch.as_tensor(x).float().abs().max()))
            torch.testing.assert_close(other, x, atol=limit, rtol=0)
    for found, known in zip(fast.detect(images), detector.detect(images)):
        torch.testing.assert_close(found["scores"], known["scores"], atol=1e-4, rtol=0)


@torch.no_grad()
def test_two_image_sizes_in_turn_keep_their_layouts() -> None:
    fast = optimise(trained(), compile=False)
    sizes = [torch.randn(1, 3, side, side) for side in (128, 192)]
    for images in sizes:
        fast(images)
    kept = {id(module): dict(module.packed) for module in fast.modules() if isinstance(module, PackedConv)}
    for images in sizes:
        fast(images)
    for module in fast.modules():
        if isinstance(module, PackedConv):
            assert all(module.packed[size] is layout for size, layout in kept[id(module)].items())


@torch.no_grad()
def test_a_fast_copy_can_be_copied_after_use() -> None:
    fast = optimise(trained(), compile=False)
    images = torch.randn(1, 3, 128, 128)
    expected = fast(images)
    assert_same(copy.deepcopy(fast)(images), expected)
