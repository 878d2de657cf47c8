"""A small detector as far from its initial state as training leaves one."""

import torch
from torch import nn

from nas.detectors import build_detector
from nas.detectors.layers import BatchNorm
from nas.detectors.scaling import Scaling

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
