"""What the units of all block types share."""

from __future__ import annotations

import pytest
import torch

from nas.detectors.backbones.blocks import block_group
from nas.detectors.backbones.blocks.base import drop_samples
from nas.detectors.scaling import PROXY
from search_spaces.block import BlockSpec
from search_spaces.vocabulary import BLOCK_TYPES


def test_dropped_samples_are_zero_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    y = drop_samples(torch.ones(4000, 1, 1, 1), 0.25)
    assert set(y.flatten().tolist()) == {0.0, torch.tensor(4 / 3).item()}
    assert y.mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("block_type", ["bottleneck", "residual"])
def test_stochastic_depth_acts_in_training_only(block_type: str) -> None:
    channels = 12 * BLOCK_TYPES[block_type].expansion
    block = block_group(BlockSpec(3, block_type), channels, 12, PROXY, drop_rate=0.999)
    x = torch.rand(2, channels, 4, 4)
    torch.testing.assert_close(block(x), x)
    assert (block.eval()(x) - x).abs().max() > 1e-3
