"""Groups of equal units."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from nas.detectors import Scaling
from nas.detectors.backbones.blocks import block_group
from nas.detectors.scaling import PROXY
from search_spaces.block import BlockSpec
from search_spaces.vocabulary import BLOCK_TYPES


@pytest.mark.parametrize("block_type", ["bottleneck", "residual", "mbconv"])
def test_the_first_block_of_a_group_takes_the_stride(block_type: str) -> None:
    scaling = Scaling(repeats=3).resolved("retinanet")
    group = block_group(BlockSpec(4, block_type), 12, 20, scaling, stride=2)
    assert group(torch.randn(2, 12, 9, 8)).shape == (2, 20 * BLOCK_TYPES[block_type].expansion, 5, 4)
    assert len(group) == 3


def test_only_the_first_of_repeated_blocks_projects() -> None:
    group = block_group(BlockSpec(2), 64, 32, dataclasses.replace(PROXY, repeats=3))
    assert [block.projection is not None for block in group] == [True, False, False]
