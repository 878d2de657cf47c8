"""ResNet's two units (arXiv 1512.03385, Figure 5), in the v1.5 form: the 3x3 convolution takes the stride."""

from __future__ import annotations

from torch import Tensor

from nas.detectors.backbones.blocks.base import Block, shortcut_projection
from nas.detectors.layers import ConvNorm, add_shortcut
from nas.detectors.scaling import Scaling
from search_spaces.vocabulary import BLOCK_TYPES


class BottleneckBlock(Block):
    """A 1x1, a 3x3 and a 1x1 convolution, and a shortcut. An activation follows the sum.

    The shortcut is a 1x1 convolution if the number of channels or the resolution changes.
    """

    expansion = BLOCK_TYPES["bottleneck"].expansion
    last = "expand"

    def _build(self, channels_in: int, width: int, scaling: Scaling, stride: int) -> None:
        level, channels_out, act = self.level, width * self.expansion, scaling.activation
        reduce_level = level if stride == 1 else level - 1
        self.activation = act
        self.reduce = ConvNorm(channels_in, width, 1, reduce_level, scaling, activation=act)
        self.conv = ConvNorm(width, width, 3, level, scaling, stride, activation=act)
        self.expand = ConvNorm(width, channels_out, 1, level, scaling)
        self.projection = shortcut_projection(channels_in, channels_out, level, scaling, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""
        shortcut = x if self.projection is None else self.projection(x)
        return add_shortcut(self.expand, self.conv(self.reduce(x)), shortcut, self.activation, self._dropper())


class ResidualBlock(Block):
    """Two 3x3 convolutions, of which the first has the stride, and a shortcut as in :class:`BottleneckBlock`."""

    expansion = BLOCK_TYPES["residual"].expansion
    last = "second"

    def _build(self, channels_in: int, width: int, scaling: Scaling, stride: int) -> None:
        self.activation = scaling.activation
        self.first = ConvNorm(channels_in, width, 3, self.level, scaling, stride, activation=scaling.activation)
        self.second = ConvNorm(width, width, 3, self.level, scaling)
        self.projection = shortcut_projection(channels_in, width, self.level, scaling, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""
        shortcut = x if self.projection is None else self.projection(x)
        return add_shortcut(self.second, self.first(x), shortcut, self.activation, self._dropper())
