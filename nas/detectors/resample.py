"""Resampling: how a feature map comes to another level's size and channels.

A cross-scale connection (SpineNet, section 3.2) narrows its parent with a 1x1 convolution, changes the resolution
(down: a 3x3 convolution of stride 2 and, for more than a factor of 2, max-pooling; up: nearest neighbour), and widens
to the target's channels with a 1x1 convolution without activation. All connections of one parent narrow and go down
together, in one convolution each. A connection of the mobile family has no narrow end and goes down by depthwise
convolutions alone (appendix A). Padding and pooling follow the scaling's convention.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.blocks import ConvNorm, depthwise_conv, same_padding
from nas.detectors.convention import Convention
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec
from search_spaces.errors import ConfigError

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


def mobile_downs(source: BlockSpec, target: BlockSpec, scaling: Scaling) -> nn.Sequential:
    """Depthwise 3x3 convolutions of stride 2, one for each level that a connection of the mobile family goes down."""
    channels = scaling.block_channels(source.level, source.block_type, "mobile")
    levels = range(source.level + 1, target.level + 1)
    return nn.Sequential(*(depthwise_conv(channels, level, scaling, stride=2) for level in levels))


def resample(x: Tensor, source_size: Size, size: Size, widen: nn.Module, rules: Convention) -> Tensor:
    """The wide end of a connection: what :class:`FanOut` made of a map of ``source_size``, at the target's size.

    A whole-numbered up-sampling comes after the 1x1 convolution and its normalisation: the result is the same, and
    the work is less by the square of the factor.
    """
    height, width = x.shape[2], x.shape[3]
    if (height, width) != source_size:
        x = pool_to(x, source_size, size, rules)
    elif size[0] % height == 0 and size[1] % width == 0:
        return resize_nearest(widen(x, size[0] * size[1] // (height * width)), size)
    return widen(resize_nearest(x, size))


def pool_to(x: Tensor, source_size: Size, size: Size, rules: Convention) -> Tensor:
    """The max-pooling that follows the strided convolution of a ``source_size`` map on its way to ``size``."""
    if rules.repeated_pooling:
        while x.shape[2] > size[0] or x.shape[3] > size[1]:
            x = max_pool(x, (3, 3), (2, 2))
        return x
    plans = [_pool_plan(source, target) for source, target in zip(source_size, size)]
    if all(kernel == 1 for kernel, _ in plans):
        return x
    return max_pool(x, (plans[0][0], plans[1][0]), (plans[0][1], plans[1][1]), rules.same_pooling)


def _pool_plan(source: int, target: int) -> tuple[int, int]:
    """(kernel, stride) along one axis."""
    if source // target <= 2:
        return 1, 1
    return 3 if source <= 4 * target else 5, source // target // 2 if source % target == 0 else 2


def max_pool(x: Tensor, kernel: Size, stride: Size, same: bool = True) -> Tensor:
    """Max-pooling of [B, C, h, w] to [B, C, ceil(h / stride), ceil(w / stride)], padded with minus infinity.

    Args:
        same: pad as little as possible, the odd position at the end; otherwise half the kernel on both sides.
    """
    if not same:
        return F.max_pool2d(x, kernel, stride, (kernel[0] // 2, kernel[1] // 2))
    before = [same_padding(length, k, s)[0] for length, k, s in zip(x.shape[2:], kernel, stride)]
    return F.max_pool2d(x, kernel, stride, (before[0], before[1]), ceil_mode=True)


def resize_nearest(x: Tensor, size: Size) -> Tensor:
    """Nearest-neighbour resizing of [B, C, h, w] to ``size``; position i reads position floor(i * in / out)."""
    return x if x.shape[2:] == size else F.interpolate(x, size=size, mode="nearest")


def side_multiple(architecture: Architecture, rules: Convention) -> int:
    """What an image's sides must be multiples of, so that every up-sampling has a whole factor; 1: any size will do."""
    if architecture.family == "resnet-fpn":
        return 2 ** max(node.level for node in architecture.stem)
    if architecture.family == "mobile" or rules.whole_factors:
        return 2 ** max(architecture.nodes[index].level for index in architecture.live_nodes)
    return 1


def check_image_size(image_size: Size, multiple: int) -> None:
    """Both sides must be multiples of ``multiple``.

    Raises:
        ConfigError: one is not; the sentence names the nearest sizes that are.
    """
    for name, side in zip(("height", "width"), image_size):
        if side % multiple:
            below, above = side // multiple * multiple, -(-side // multiple) * multiple
            nearest = f"{below} or {above}" if below else f"{above}"
            raise ConfigError(f"image size: {name} {side} is not a multiple of {multiple}; the nearest is {nearest}.")
