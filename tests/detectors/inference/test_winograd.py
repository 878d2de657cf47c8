"""Convolutions with fewer multiplications."""

import pytest
import torch
import torch.nn.functional as F

from nas.detectors.inference import winograd
from nas.detectors.inference.winograd import WinogradConv


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
