"""Fast inference gives the plain detector's outputs."""

import pytest
import torch
from torch import nn

import search_spaces
from nas.detectors import build_detector
from nas.detectors.inference.optimise import fold_batch_norm, optimise
from nas.detectors.inference.winograd import WinogradConv
from nas.detectors.layers import BatchNorm
from nas.detectors.scaling import Scaling
from tests.detectors.inference.support import assert_same, trained


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
    find = "classify" if head == "classifier" else "detect"
    for found, known in zip(getattr(fast, find)(images), getattr(detector, find)(images)):
        torch.testing.assert_close(found["scores"], known["scores"], atol=1e-4, rtol=0)
