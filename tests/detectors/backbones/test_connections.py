"""Padding and resampling against plain definitions."""

from __future__ import annotations

import pytest
import torch

from nas.detectors.backbones.connections import FanOut, pool_to, widen_to
from nas.detectors.convention import TPU
from nas.detectors.layers import ConvNorm, max_pool, resize_nearest
from nas.detectors.scaling import PROXY
from search_spaces.block import BlockSpec


@pytest.mark.parametrize(
    ("source", "target", "kernel", "stride"),
    [(8, 2, 3, 2), (16, 2, 5, 4), (32, 1, 5, 16), (12, 2, 5, 3), (6, 2, 3, 1), (7, 2, 3, 2)],
)
def test_one_max_pooling_follows_the_strided_convolution(source: int, target: int, kernel: int, stride: int) -> None:
    x = torch.randn(1, 2, -(-source // 2), -(-source // 2))
    found = pool_to(x, (source, source), (target, target), TPU)
    assert torch.equal(found, max_pool(x, (kernel, kernel), (stride, stride)))


def test_half_the_size_needs_no_pooling() -> None:
    x = torch.randn(1, 2, 4, 4)
    assert pool_to(x, (8, 8), (4, 4), TPU) is x


@pytest.mark.parametrize(("source", "size"), [((2, 2), (8, 8)), ((1, 1), (6, 4)), ((2, 3), (3, 4)), ((4, 4), (4, 4))])
def test_widening_before_the_up_sampling_changes_nothing(source: tuple[int, int], size: tuple[int, int]) -> None:
    x = torch.randn(2, 4, *source)
    first, second = (ConvNorm(4, 16, 1, 3, PROXY) for _ in range(2))
    second.load_state_dict(first.state_dict())
    wide = resize_nearest(widen_to(x, size, first), size)
    torch.testing.assert_close(wide, second(resize_nearest(x, size)), atol=1e-5, rtol=1e-4)
    for name, value in first.state_dict().items():
        torch.testing.assert_close(value, second.state_dict()[name])


def test_connections_of_one_parent_do_not_touch_each_other() -> None:
    """Each slice of a fan-out is what a connection with that slice's weights alone computes."""
    source = BlockSpec(3, "bottleneck", (0,))
    targets = {7: BlockSpec(3), 8: BlockSpec(5), 9: BlockSpec(2), 12: BlockSpec(4)}
    narrow = 8
    together = FanOut(source, targets, 128, narrow, PROXY)
    x = torch.randn(2, 128, 8, 8)
    found = together(x)
    assert {index: part.shape[1:] for index, part in found.items()} == {
        index: (narrow, 4, 4) if target.level > 3 else (narrow, 8, 8) for index, target in targets.items()
    }
    for at, index in enumerate(together.targets):
        alone = FanOut(source, {index: targets[index]}, 128, narrow, PROXY)
        part = slice(at * narrow, (at + 1) * narrow)
        for name, module in alone.named_children():
            if isinstance(module, ConvNorm):
                module.weight.data = getattr(together, name).weight.data[part]
        torch.testing.assert_close(alone(x)[index], found[index], atol=1e-5, rtol=1e-4)
