"""Blocks: normalisation, initialisation, stochastic depth."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from nas.detectors.blocks import BatchNorm, block_group, drop_samples, initialise_kernel
from nas.detectors.memory import keep_freed_memory
from nas.detectors.scaling import PROXY
from search_spaces.block import BlockSpec


def test_batch_norm_is_torchs() -> None:
    ours, theirs = BatchNorm(5, PROXY), nn.BatchNorm2d(5, PROXY.bn_epsilon, PROXY.bn_momentum)
    x = torch.randn(2, 5, 3, 3) * 3 + 1
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_a_single_position_gives_the_offset() -> None:
    norm = BatchNorm(3, PROXY)
    norm.bias.data.fill_(2.0)
    assert norm(torch.full((1, 3, 1, 1), 7.0)).flatten().tolist() == pytest.approx([2, 2, 2], abs=1e-4)
    torch.testing.assert_close(norm.running_mean, torch.full((3,), 7 * PROXY.bn_momentum))
    torch.testing.assert_close(norm.running_var, torch.full((3,), 1 - PROXY.bn_momentum))


def test_kernels_start_with_unit_gain() -> None:
    weight = torch.empty(64, 100, 3, 3)
    initialise_kernel(weight)
    assert weight.std().item() == pytest.approx(900**-0.5, rel=0.02)
    assert weight.abs().max() <= 2 * 900**-0.5 / 0.8796


def test_dropped_samples_are_zero_and_the_mean_stays() -> None:
    torch.manual_seed(0)
    y = drop_samples(torch.ones(4000, 1, 1, 1), 0.25)
    assert set(y.flatten().tolist()) == {0.0, torch.tensor(4 / 3).item()}
    assert y.mean().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("block_type", ["bottleneck", "residual"])
def test_stochastic_depth_acts_in_training_only(block_type: str) -> None:
    block = block_group(BlockSpec(3, block_type), PROXY.block_channels(3, block_type), PROXY, drop_rate=0.999)
    x = torch.rand(2, PROXY.block_channels(3, block_type), 4, 4)
    torch.testing.assert_close(block(x), x)
    assert (block.eval()(x) - x).abs().max() > 1e-3


def test_only_the_first_of_repeated_blocks_projects() -> None:
    group = block_group(BlockSpec(2), 64, dataclasses.replace(PROXY, repeats=3, width=0.5))
    assert [block.projection is not None for block in group] == [True, False, False]


def test_the_allocator_can_be_told_to_keep_memory() -> None:
    assert keep_freed_memory() in (True, False)
