"""What the units of all block types share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nas.detectors.layers import ConvNorm
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size


class Block(nn.Module, ABC):
    """One unit of a node. Its layers are its children, and each answers for its own part of cost and weights.

    Attributes:
        expansion: output channels over the width that it is built with.
        last: the layer whose output channels are the block's.
        level: feature level of the output.
        drop_rate: probability of dropping the residual branch of a sample in training (stochastic depth).
    """

    expansion: ClassVar[int] = 1
    last: ClassVar[str]

    def __init__(
        self, level: int, channels_in: int, width: int, scaling: Scaling, drop_rate: float = 0.0, stride: int = 1
    ) -> None:
        """Build the layers.

        Args:
            width: channels of the block's inner 3x3 convolutions, or of an inverted bottleneck's ends.
            stride: of the block; with 2 its input is one level finer than ``level``.
        """
        super().__init__()
        self.level = level
        self.drop_rate = drop_rate
        self._build(channels_in, width, scaling, stride)

    @abstractmethod
    def _build(self, channels_in: int, width: int, scaling: Scaling, stride: int) -> None:
        """Add the layers."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""

    def parts(self, name: str, image_size: Size) -> Iterator[Part]:
        """The layers, as parts of what ``name`` says."""
        layers: Iterator[Any] = self.children()
        for layer in layers:
            yield from layer.parts(name, self.level, image_size)

    def roles(self, role: Role, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by role; ``role`` is the block's, ``key`` the one of the block's own state dictionary."""
        layers: Iterator[tuple[str, Any]] = self.named_children()
        for name, layer in layers:
            yield from layer.roles(replace(role, layer=name), f"{key}.{name}")

    def _drop(self, y: Tensor) -> Tensor:
        """The residual branch's ``y`` [B, C, H, W], in training without the samples that stochastic depth drops."""
        return drop_samples(y, self.drop_rate) if self.training and self.drop_rate > 0 else y


def shortcut_projection(
    channels_in: int, channels_out: int, level: int, scaling: Scaling, stride: int
) -> ConvNorm | None:
    """The shortcut's 1x1 convolution, where channels or resolution change."""
    if channels_in == channels_out and stride == 1:
        return None
    return ConvNorm(channels_in, channels_out, 1, level, scaling, stride)


def drop_samples(x: Tensor, drop_rate: float) -> Tensor:
    """Set whole samples of [B, C, H, W] to zero with probability ``drop_rate``, scale the others by 1 / keep."""
    keep = 1 - drop_rate
    kept = torch.rand(x.shape[0], 1, 1, 1, device=x.device) < keep
    return x * (kept / keep).to(x.dtype)
