"""The units of the block types, and the group of units that makes a node."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from nas.detectors.backbones.blocks.base import Block
from nas.detectors.backbones.blocks.mbconv import InvertedBottleneckBlock
from nas.detectors.backbones.blocks.resnet import BottleneckBlock, ResidualBlock
from nas.detectors.scaling import Scaling
from search_spaces.block import BlockSpec

BLOCKS: Mapping[str, type[Block]] = {
    "bottleneck": BottleneckBlock,
    "residual": ResidualBlock,
    "mbconv": InvertedBottleneckBlock,
}
"""Block type -> its unit. A level of a feature pyramid has none: the pyramid computes its levels together."""


def block_group(
    spec: BlockSpec, channels_in: int, width: int, scaling: Scaling, drop_rate: float = 0.0, stride: int = 1
) -> nn.Sequential:
    """``scaling.repeats`` units in sequence; only the first may change channels and resolution.

    Args:
        width: width of the units; see :class:`Block`.
    """
    unit = BLOCKS[spec.block_type]
    channels = width * unit.expansion
    first = unit(spec.level, channels_in, width, scaling, drop_rate, stride)
    others = (unit(spec.level, channels, width, scaling, drop_rate) for _ in range(scaling.repeats - 1))
    return nn.Sequential(first, *others)


__all__ = ["BLOCKS", "Block", "block_group"]
