"""Layers and blocks."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


def activate(x: Tensor, name: str) -> Tensor:
    """ReLU or swish."""
    return F.relu(x) if name == "relu" else F.silu(x)


def batch_norm(channels: int, s: Any) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, s.bn_epsilon, s.bn_momentum)


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Padding before and after an axis: the least that gives ceil(length / stride) positions, the odd one after."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad [B, C, H, W] with zeros as :func:`same_padding` says."""
    return F.pad(x, same_padding(x.shape[3], kernel, stride) + same_padding(x.shape[2], kernel, stride))


def max_pool(x: Tensor, kernels: list[int], strides: list[int], same: bool) -> Tensor:
    """Max-pooling of [B, C, H, W]; without ``same`` the padding is half the kernel on both sides."""
    if not same:
        return F.max_pool2d(x, kernels, strides, [kernel // 2 for kernel in kernels])
    before = [same_padding(*axis)[0] for axis in zip(x.shape[2:], kernels, strides)]
    return F.max_pool2d(x, kernels, strides, before, ceil_mode=True)


def resize(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Resize [B, C, H, W] to ``size`` (height, width) by nearest neighbours."""
    return F.interpolate(x, size=size, mode="nearest")


class ConvNorm(nn.Conv2d):
    """A convolution without bias, batch normalisation, and an activation unless ``act`` is None."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, s: Any, stride: int = 1, groups: int = 1, act: str | None = None
    ) -> None:
        super().__init__(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = batch_norm(c_out, s)
        self.same, self.act = s.same_convolutions and stride > 1, act
        if self.same:
            self.padding = (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        x = pad_same(x, self.kernel_size[0], self.stride[0]) if self.same else x
        x = self.norm(super().forward(x))
        return activate(x, self.act) if self.act else x


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions, and a shortcut, which is a 1x1 convolution if the shape changes."""

    def __init__(self, c_in: int, c_out: int, s: Any, stride: int) -> None:
        super().__init__()
        self.act, width = s.activation, c_out // s.expansions["bottleneck"]
        self.reduce = ConvNorm(c_in, width, 1, s, act=self.act)
        self.conv = ConvNorm(width, width, 3, s, stride, act=self.act)
        self.expand = ConvNorm(width, c_out, 1, s)
        self.projection = ConvNorm(c_in, c_out, 1, s, stride) if c_in != c_out or stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return activate(self.expand(self.conv(self.reduce(x))) + self.projection(x), self.act)


class Residual(nn.Module):
    """Two 3x3 convolutions, and a shortcut as in :class:`Bottleneck`."""

    def __init__(self, c_in: int, c_out: int, s: Any, stride: int) -> None:
        super().__init__()
        self.act = s.activation
        self.first = ConvNorm(c_in, c_out, 3, s, stride, act=self.act)
        self.second = ConvNorm(c_out, c_out, 3, s)
        self.projection = ConvNorm(c_in, c_out, 1, s, stride) if c_in != c_out or stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return activate(self.second(self.first(x)) + self.projection(x), self.act)


class MBConv(nn.Module):
    """1x1 to more channels, depthwise 3x3, squeeze-and-excite, 1x1; a shortcut if the shape stays the same."""

    def __init__(self, c_in: int, c_out: int, s: Any, stride: int) -> None:
        super().__init__()
        wide = c_in * s.inner_expansion
        self.expand = ConvNorm(c_in, wide, 1, s, act=s.activation)
        self.depthwise = ConvNorm(wide, wide, 3, s, stride, groups=wide, act=s.activation)
        self.squeeze = SqueezeExcite(wide, max(1, int(s.squeeze_ratio * c_in)), s)
        self.project = ConvNorm(wide, c_out, 1, s)
        self.shortcut = c_in == c_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.squeeze(self.depthwise(self.expand(x))))
        return x + y if self.shortcut else y


class SqueezeExcite(nn.Module):
    """Weights each channel by what two 1x1 convolutions make of all channels' means."""

    def __init__(self, channels: int, squeezed: int, s: Any) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act, self.hard, self.slope = s.squeeze_activation, s.gate == "hard_sigmoid", s.hard_sigmoid_slope

    def forward(self, x: Tensor) -> Tensor:
        gate = self.expand(activate(self.reduce(x.mean((2, 3), keepdim=True)), self.act))
        return x * (F.relu6(gate + 3) * self.slope if self.hard else gate.sigmoid())


BLOCKS = {"bottleneck": Bottleneck, "residual": Residual, "mbconv": MBConv}
