"""Blocks: normalisation, initialisation, stochastic depth."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nas.detectors.backbones.blocks import block_group
from search_spaces.block import BlockSpec
from tests.detectors.support import TINY


def test_a_strided_bottleneck_block_is_that_of_resnet_v15() -> None:
    block = block_group(BlockSpec(3, "bottleneck"), 10, 12, TINY, stride=2)[0].eval()
    x = torch.randn(1, 10, 8, 8)
    y = block.reduce.norm(F.conv2d(x, block.reduce.weight)).relu()
    y = block.conv.norm(F.conv2d(y, block.conv.weight, stride=2, padding=1)).relu()
    y = block.expand.norm(F.conv2d(y, block.expand.weight))
    shortcut = block.projection.norm(F.conv2d(x, block.projection.weight, stride=2))
    torch.testing.assert_close(block(x), (y + shortcut).relu())
