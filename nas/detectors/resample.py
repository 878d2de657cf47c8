"""Padding and resampling as in the TPU release: how a feature map comes to another level's size and channels.

A cross-scale connection (SpineNet, section 3.2) narrows its parent with a 1x1 convolution, changes the resolution
(down: a 3x3 convolution of stride 2 and, for more than a factor of 2, one max-pooling; up: nearest neighbour), and
widens to the target's channels with a 1x1 convolution without activation. All connections of one parent narrow and
go down together, in one convolution each. Convolutions pad half the kernel on both sides; pooling pads as little as
possible, the odd position at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.blocks import ConvNorm
from nas.detectors.scaling import Scaling
from search_spaces.architecture import BlockSpec

Size = tuple[int, int]


def feature_size(image_size: Size, level: int) -> Size:
    """(height, width) of the feature maps at ``level``: the image's divided by ``2**level``, rounded up."""
    height, width = image_size
    return -(-height // 2**level), -(-width // 2**level)


class FanOut(nn.Module):
    """The narrow end of all connections that leave one parent.

    Attributes:
        targets: node indices in the order of the channels, those at coarser levels first.
    """

    def __init__(self, source: BlockSpec, targets: Mapping[int, BlockSpec], scaling: Scaling) -> None:
        super().__init__()
        self.targets = tuple(sorted(targets, key=lambda index: targets[index].level <= source.level))
        lower = sum(target.level > source.level for target in targets.values())
        channels_in = scaling.block_channels(source.level, source.block_type)
        narrow, act = scaling.narrowed_width(source.level), scaling.activation
        self.channels = (lower * narrow, *(narrow,) * (len(targets) - lower))
        self.lower = lower
        self.narrow = ConvNorm(channels_in, narrow * len(targets), 1, source.level, scaling, activation=act)
        self.down = (
            ConvNorm(
                lower * narrow, lower * narrow, 3, source.level + 1, scaling, stride=2, groups=lower, activation=act
            )
            if lower
            else None
        )

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """[B, C, h, w] -> {target: [B, narrow, h, w], or half that size on the way to a coarser level}."""
        going_down, *rest = self.narrow(x).split(self.channels, dim=1)
        halves = self.down(going_down).chunk(self.lower, dim=1) if self.down is not None else ()
        return dict(zip(self.targets, (*halves, *rest)))


def resample(x: Tensor, source_size: Size, size: Size, widen: nn.Module) -> Tensor:
    """The wide end of a connection: what :class:`FanOut` made of a map of ``source_size``, at the target's size.

    A whole-numbered up-sampling comes after the 1x1 convolution and its normalisation: the result is the same, and
    the work is less by the square of the factor.
    """
    height, width = x.shape[2], x.shape[3]
    if (height, width) != source_size:
        x = pool_to(x, source_size, size)
    elif size[0] % height == 0 and size[1] % width == 0:
        return resize_nearest(widen(x, size[0] * size[1] // (height * width)), size)
    return widen(resize_nearest(x, size))


def pool_to(x: Tensor, source_size: Size, size: Size) -> Tensor:
    """The max-pooling that follows the strided convolution of a ``source_size`` map on its way to ``size``."""
    plans = [_pool_plan(source, target) for source, target in zip(source_size, size)]
    if all(kernel == 1 for kernel, _ in plans):
        return x
    return max_pool(x, (plans[0][0], plans[1][0]), (plans[0][1], plans[1][1]))


def _pool_plan(source: int, target: int) -> tuple[int, int]:
    """(kernel, stride) along one axis."""
    if source // target <= 2:
        return 1, 1
    return 3 if source <= 4 * target else 5, source // target // 2 if source % target == 0 else 2


def max_pool(x: Tensor, kernel: Size, stride: Size) -> Tensor:
    """Max-pooling of [B, C, h, w] to [B, C, ceil(h / stride), ceil(w / stride)], padded with minus infinity."""
    total = [max((-(-length // s) - 1) * s + k - length, 0) for length, k, s in zip(x.shape[2:], kernel, stride)]
    return F.max_pool2d(x, kernel, stride, (total[0] // 2, total[1] // 2), ceil_mode=True)


def resize_nearest(x: Tensor, size: Size) -> Tensor:
    """Nearest-neighbour resizing of [B, C, h, w] to ``size``; position i reads position floor(i * in / out)."""
    return x if x.shape[2:] == size else F.interpolate(x, size=size, mode="nearest")
