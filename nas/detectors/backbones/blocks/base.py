"""What the units of all block types share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
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
        expansion: output channels divided by the width that the block is built with.
        numbers: constants of the unit by name, for those who compute it without this class.
        last: name of the layer whose output channels are the block's.
        level: feature level of the output.
        drop_rate: probability of dropping the residual branch of a sample in training (stochastic depth).
    """

    expansion: ClassVar[int] = 1
    last: ClassVar[str]
    numbers: ClassVar[Mapping[str, float]] = {}

    def __init__(
        self, level: int, channels_in: int, width: int, scaling: Scaling, drop_rate: float = 0.0, stride: int = 1
    ) -> None:
        """Build the layers.

        Args:
            width: channels of the block's inner 3x3 convolutions, or of an inverted bottleneck's ends.
            stride: stride of the block; if it is 2, the input is one level finer than ``level``.
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
        """The layers, as parts called ``name``."""
        layers: Iterator[Any] = self.children()
        for layer in layers:
            yield from layer.parts(name, self.level, image_size)

    def roles(self, role: Role, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by role; ``role`` is the block's, ``key`` its name in the state dictionary."""
        layers: Iterator[tuple[str, Any]] = self.named_children()
        for name, layer in layers:
            yield from layer.roles(replace(role, layer=name), f"{key}.{name}")

    def _dropper(self) -> Callable[[Tensor], Tensor] | None:
        return self._drop if self.training and self.drop_rate > 0 else None

    def _drop(self, y: Tensor) -> Tensor:
        """The residual branch ``y`` [B, C, H, W]; in training stochastic depth sets some samples to zero."""
        return drop_samples(y, self.drop_rate) if self.training and self.drop_rate > 0 else y


def shortcut_projection(
    channels_in: int, channels_out: int, level: int, scaling: Scaling, stride: int
) -> ConvNorm | None:
    """The 1x1 convolution of a shortcut; None if neither channels nor resolution change."""
    if channels_in == channels_out and stride == 1:
        return None
    return ConvNorm(channels_in, channels_out, 1, level, scaling, stride)


def drop_samples(x: Tensor, drop_rate: float) -> Tensor:
    """Set whole samples of [B, C, H, W] to zero with probability ``drop_rate``; scale the others by 1 / (1 - rate)."""
    keep = 1 - drop_rate
    kept = torch.rand(x.shape[0], 1, 1, 1, device=x.device) < keep
    return x * (kept / keep).to(x.dtype)
