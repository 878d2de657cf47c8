"""The inverted bottleneck by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from nas.detectors import Scaling
from nas.detectors.backbones.blocks import block_group
from nas.detectors.backbones.blocks.mbconv import SqueezeExcite
from search_spaces.block import BlockSpec
from tests.detectors.support import tiny


@pytest.mark.parametrize(("channels_in", "stride"), [(8, 1), (4, 1), (8, 2)])
def test_an_mbconv_block(channels_in: int, stride: int) -> None:
    """Shortcut only where nothing changes; no activation at the end; squeezed to a fifth of the input."""
    scaling = Scaling(activation="swish").resolved("retinanet")
    block = block_group(BlockSpec(4, "mbconv"), channels_in, 8, scaling, stride=stride)[0].eval()
    x = torch.randn(2, channels_in, 8, 8)
    y = F.silu(block.expand.norm(F.conv2d(x, block.expand.weight)))
    y = F.conv2d(y, block.depthwise.weight, stride=stride, padding=1, groups=6 * channels_in)
    y = block.squeeze(F.silu(block.depthwise.norm(y)))
    y = block.project.norm(F.conv2d(y, block.project.weight))
    expected = y + x if (channels_in, stride) == (8, 1) else y
    torch.testing.assert_close(block(x), expected)
    assert block.squeeze.reduce.out_channels == max(1, channels_in // 5)


def test_gates_of_squeeze_and_excite() -> None:
    x = 4 * torch.randn(2, 6, 5, 5)
    for convention, activation, gate in (
        ("tpu", F.silu, torch.sigmoid),
        ("model_garden", torch.relu, lambda y: F.relu6(y + 3) * 0.16667),
    ):
        squeeze = SqueezeExcite(6, 2, tiny(convention))
        weights = gate(squeeze.expand(activation(squeeze.reduce(x.mean((2, 3), keepdim=True)))))
        torch.testing.assert_close(squeeze(x), x * weights)
