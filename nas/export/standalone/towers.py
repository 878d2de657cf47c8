"""Convolutions of heads."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from nas.export.standalone.layers import activate, batch_norm


def head_conv(c_in: int, c_out: int, separable: bool, kernel: int = 3) -> nn.Module:
    """A convolution with bias that keeps the size of its map; a separable one is depthwise, then 1x1."""
    if not separable:
        return nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2)
    pair = nn.Sequential()
    pair.add_module("depthwise", nn.Conv2d(c_in, c_in, kernel, padding=kernel // 2, groups=c_in, bias=False))
    pair.add_module("pointwise", nn.Conv2d(c_in, c_out, 1))
    return pair


class Tower(nn.Module):
    """3x3 convolutions shared by all levels; every level has its own batch normalisation."""

    def __init__(self, s: Any, levels: int, depth: int) -> None:
        super().__init__()
        widths = [s.endpoints] + [s.head_channels] * depth
        self.act, self.channels = s.activation, widths[-1]
        self.convolutions = nn.ModuleList(head_conv(a, b, s.separable) for a, b in pairwise(widths))
        norms = [[batch_norm(width, s) for _ in range(levels)] for width in widths[1:]]
        self.norms = nn.ModuleList(nn.ModuleList(each) for each in norms)

    def forward(self, x: Tensor, at: int) -> Tensor:
        """Convolve the map ``x`` [B, C, h, w] of level number ``at``, counted from 0."""
        for convolution, norms in zip(self.convolutions, self.norms):
            x = activate(norms[at](convolution(x)), self.act)  # type: ignore[index]
        return x
