"""What detection heads are made of: plain and separable convolutions, and towers shared by all levels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from nas.detectors.blocks import BatchNorm, activate
from nas.detectors.packing import Layout, pack, unpack
from nas.detectors.scaling import Scaling


class SeparableConv(nn.Module):
    """A depthwise convolution without bias, and a 1x1 convolution with one."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels_in, channels_in, kernel, padding=kernel // 2, groups=channels_in, bias=False
        )
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, H, W]."""
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


def head_convolution(
    channels_in: int, channels_out: int, deviation: float, bias: float = 0.0, kernel: int = 3, separable: bool = False
) -> nn.Conv2d | SeparableConv:
    """A convolution with a constant bias and normally distributed weights of standard deviation ``deviation``.

    The weights of a separable one are Glorot uniform, as Keras has them by default and the TPU release leaves them.
    """
    if not separable:
        convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
        nn.init.normal_(convolution.weight, std=deviation)
        assert convolution.bias is not None
        nn.init.constant_(convolution.bias, bias)
        return convolution
    pair = SeparableConv(channels_in, channels_out, kernel)
    nn.init.xavier_uniform_(pair.depthwise.weight)
    nn.init.xavier_uniform_(pair.pointwise.weight)
    assert pair.pointwise.bias is not None
    nn.init.constant_(pair.pointwise.bias, bias)
    return pair


class Tower(nn.Module):
    """3x3 convolutions shared by all levels, each followed by every level's own batch normalisation.

    Attributes:
        convolutions: one for each depth.
        norms: for each depth one for each level.
    """

    def __init__(self, levels: int, depth: int, channels: int, scaling: Scaling) -> None:
        super().__init__()
        widths = [scaling.endpoints] + [channels] * depth
        self.convolutions = nn.ModuleList(
            head_convolution(*pair, deviation=0.01, separable=scaling.separable) for pair in pairwise(widths)
        )
        self.norms = nn.ModuleList(
            nn.ModuleList(BatchNorm(width, scaling) for _ in range(levels)) for width in widths[1:]
        )
        self.channels = widths[-1]
        self.activation = scaling.activation

    def forward(self, canvases: Sequence[Tensor], layouts: Sequence[Layout]) -> list[Tensor]:
        """Canvases [B, endpoints, H, W] that hold all levels -> canvases [B, channels, H, W] of the same layouts."""
        packed = list(canvases)
        for convolution, norms in zip(self.convolutions, self.norms):
            assert isinstance(norms, nn.ModuleList)
            per_level = iter(norms)
            packed = [
                activate(
                    pack([next(per_level)(x) for x in unpack(convolution(canvas), layout)], layout), self.activation
                )
                for canvas, layout in zip(packed, layouts)
            ]
        return packed


def predict(predictor: nn.Module, canvases: Sequence[Tensor], layouts: Sequence[Layout]) -> list[Tensor]:
    """A predictor's maps [B, C, h, w], one for each level."""
    return [x for canvas, layout in zip(canvases, layouts) for x in unpack(predictor(canvas), layout)]


def flatten_levels(maps: Sequence[Tensor], channels: int) -> Tensor:
    """Maps [B, A * channels, h, w] of all levels -> [B, N, channels], N over levels, rows, columns, anchors."""
    return torch.cat([x.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, channels)) for x in maps], 1)
