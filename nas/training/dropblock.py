"""DropBlock (Ghiasi et al. 2018): in training, squares of the feature maps are set to zero.

The blocks of the scale-permuted network, or of a ResNet's later levels, get a hook on their output; the network itself
knows nothing of it, and its state dictionary stays the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors import Network
from nas.detectors.backbones.blocks.base import Block
from search_spaces.settings import SettingError, integer, within

LOWEST_LEVEL = 4
"""The maps of finer levels are left whole: the paper drops in the last two groups of ResNet-50, levels 4 and 5."""


@dataclass(frozen=True, slots=True)
class DropBlockSettings:
    """Which positions are dropped.

    Attributes:
        keep: share of the positions that are kept at the end of the training; 1 drops none. It falls from 1 in
            proportion to the share of the training that is done (paper, section 3.2).
        size: side of a dropped square in positions, odd; a smaller map is dropped whole or not at all.
    """

    keep: float = 1.0
    size: int = 7

    def __post_init__(self) -> None:
        within("keep", self.keep, 0, 1, "(]")
        integer("size", self.size, 1)
        if self.size % 2 == 0:
            raise SettingError("size", f"is {self.size}; it must be odd, so that a square has a middle.")


@contextmanager
def dropping(network: Network, settings: DropBlockSettings) -> Iterator[Callable[[float], None]]:
    """In the block, the network's blocks drop squares while they are in training mode.

    Yields:
        what is to be told the share of the training that is done, from 0 to 1, before a step.
    """
    rate = torch.zeros((), device=next(network.parameters()).device)  # a tensor: what is compiled must not keep it

    def tell(done: float) -> None:
        rate.fill_((1 - settings.keep) * done)

    def hook(block: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return drop_squares(output, rate, settings.size) if block.training else output

    blocks = [module for module in network.modules() if isinstance(module, Block) and module.level >= LOWEST_LEVEL]
    handles = [block.register_forward_hook(hook) for block in blocks if settings.keep < 1]
    try:
        yield tell
    finally:
        for handle in handles:
            handle.remove()


def drop_squares(x: Tensor, rate: Tensor | float, size: int) -> Tensor:
    """Set squares of ``x`` [B, C, H, W] to zero, about ``rate`` of all positions; the rest is scaled up to make up.

    A sample loses the same positions in all its channels.
    """
    height, width = x.shape[2:]
    side = min(size, height, width)
    side -= 1 - side % 2
    places = (height - side + 1) * (width - side + 1)
    seeds = torch.rand(len(x), 1, height - side + 1, width - side + 1, device=x.device)
    centres = (seeds < rate * height * width / (side**2 * places)).to(x.dtype)
    margin = side // 2
    dropped = F.max_pool2d(F.pad(centres, [margin] * 4), side, 1, margin)
    kept = 1 - dropped
    return x * (kept * (kept.numel() / kept.sum().clamp(min=1)))
