"""The inverted bottleneck with squeeze-and-excite (SpineNet, appendix A; MnasNet, arXiv 1807.11626, Figure 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.backbones.blocks.base import Block
from nas.detectors.convention import CONVENTIONS
from nas.detectors.layers import ConvNorm, activate, depthwise_conv, initialise_kernel
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size, count_positions
from search_spaces.vocabulary import BLOCK_TYPES

EXPANSION = 6  # inner channels over input channels
SQUEEZE_RATIO = 0.2
HARD_SIGMOID_SLOPE = 0.16667  # TF Model Garden's constant, not 1/6


class InvertedBottleneckBlock(Block):
    """MBConv: 1x1 expansion, depthwise 3x3, squeeze-and-excite, linear 1x1.

    There is a shortcut only if neither channels nor resolution change. No activation follows it.
    """

    expansion = BLOCK_TYPES["mbconv"].expansion
    last = "project"
    numbers = MappingProxyType(
        {"inner_expansion": EXPANSION, "squeeze_ratio": SQUEEZE_RATIO, "hard_sigmoid_slope": HARD_SIGMOID_SLOPE}
    )

    def _build(self, channels_in: int, width: int, scaling: Scaling, stride: int) -> None:
        level, wide = self.level, channels_in * EXPANSION
        expand_level = level if stride == 1 else level - 1
        self.expand = ConvNorm(channels_in, wide, 1, expand_level, scaling, activation=scaling.activation)
        self.depthwise = depthwise_conv(wide, level, scaling, stride)
        self.squeeze = SqueezeExcite(wide, max(1, int(channels_in * SQUEEZE_RATIO)), scaling)
        self.project = ConvNorm(wide, width, 1, level, scaling)
        self.has_shortcut = channels_in == width and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""
        y = self.project(self.squeeze(self.depthwise(self.expand(x))))
        return self._drop(y).add_(x) if self.has_shortcut else y


class SqueezeExcite(nn.Module):
    """Weights each channel by what two 1x1 convolutions with bias make of all channels' means (arXiv 1709.01507)."""

    def __init__(self, channels: int, squeezed: int, scaling: Scaling) -> None:
        super().__init__()
        convention = CONVENTIONS[scaling.convention]
        self.channels = channels
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.activation = convention.squeeze_activation
        self.gate = convention.gate
        for convolution in (self.reduce, self.expand):
            initialise_kernel(convolution.weight)
            assert convolution.bias is not None
            nn.init.zeros_(convolution.bias)

    def parts(self, name: str, level: int | None, image_size: Size) -> Iterator[Part]:
        """The two convolutions, which work on means, and one product for each value of the map at ``level``."""
        assert level is not None
        products = self.channels * count_positions(image_size, [level])
        yield Part(name, level, (self.reduce, self.expand), positions=1, products=products)

    def roles(self, role: Role, key: str) -> Iterator[tuple[Role, Weight]]:
        """The two convolutions, which are layers of the block; ``role`` is the block's, ``key`` the module's own."""
        for name in ("reduce", "expand"):
            layer = replace(role, layer=f"squeeze_{name}")
            yield replace(layer, part="kernel"), Weight(f"{key}.{name}.weight", "conv")
            yield replace(layer, part="bias"), Weight(f"{key}.{name}.bias", "vector")

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        return x * GATES[self.gate](self.expand(activate(self.reduce(x.mean((2, 3), keepdim=True)), self.activation)))


def _hard_sigmoid(x: Tensor) -> Tensor:
    return F.relu6(x + 3) * HARD_SIGMOID_SLOPE


GATES: Mapping[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "hard_sigmoid": _hard_sigmoid}
