"""What detection heads are made of: plain and separable convolutions, and towers shared by all levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from nas.detectors import fused
from nas.detectors.heads.canvases import Layout, from_canvas, to_canvas
from nas.detectors.layers import BatchNorm, activate
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size, count_positions

AXES: Mapping[type[nn.Module], str] = {nn.Conv2d: "conv", nn.Linear: "dense", nn.ConvTranspose2d: "transposed"}
"""Type of a layer -> order of its kernel's axes; see :class:`nas.detectors.parts.Weight`."""


class SeparableConv(nn.Module):
    """A depthwise convolution without bias, and a 1x1 convolution with one."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels_in, channels_in, kernel, padding=kernel // 2, groups=channels_in, bias=False
        )
        self.pointwise = nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, H, W]."""
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


def head_convolution(
    channels_in: int, channels_out: int, deviation: float, bias: float = 0.0, kernel: int = 3, separable: bool = False
) -> nn.Conv2d | SeparableConv:
    """A convolution with a constant bias and normally distributed weights of standard deviation ``deviation``.

    The weights of a separable one are Glorot uniform, which is Keras' default and what the TPU release uses.
    """
    if not separable:
        convolution = nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2)
        nn.init.normal_(convolution.weight, std=deviation)
        assert convolution.bias is not None
        nn.init.constant_(convolution.bias, bias)
        return convolution
    pair = SeparableConv(channels_in, channels_out, kernel)
    nn.init.xavier_uniform_(pair.depthwise.weight)
    nn.init.xavier_uniform_(pair.pointwise.weight)
    assert pair.pointwise.bias is not None
    nn.init.constant_(pair.pointwise.bias, bias)
    return pair


def convolution_roles(role: Role, key: str, layer: nn.Module, axes: str = "") -> Iterator[tuple[Role, Weight]]:
    """Kernel and bias of a plain, separable, transposed or fully connected layer, by role.

    Args:
        role, key: the layer's role, and its name in the state dictionary.
        axes: order of the kernel's axes; empty: the usual order for the type of the layer.
    """
    if isinstance(layer, SeparableConv):
        yield replace(role, factor="depthwise", part="kernel"), Weight(f"{key}.depthwise.weight", "depthwise")
        role, key, layer = replace(role, factor="pointwise"), f"{key}.pointwise", layer.pointwise
    yield replace(role, part="kernel"), Weight(f"{key}.weight", axes or AXES[type(layer)])
    yield replace(role, part="bias"), Weight(f"{key}.bias", "vector")


class Tower(nn.Module):
    """3x3 convolutions shared by all levels, each followed by every level's own batch normalisation.

    Attributes:
        levels: the levels, ascending.
        convolutions: one for each step of the depth.
        norms: for each step of the depth, one for each level.
    """

    def __init__(self, outputs: Mapping[int, int], depth: int, scaling: Scaling) -> None:
        """``outputs``: level -> channels, as the backbone declares them; they must be the same at all levels."""
        super().__init__()
        (channels_in,) = set(outputs.values())
        widths = [channels_in] + [scaling.head_channels] * depth
        self.levels = tuple(outputs)
        self.convolutions = nn.ModuleList(
            head_convolution(*pair, deviation=0.01, separable=scaling.separable) for pair in pairwise(widths)
        )
        self.norms = nn.ModuleList(
            nn.ModuleList(BatchNorm(width, scaling) for _ in self.levels) for width in widths[1:]
        )
        self.channels = widths[-1]
        self.activation = scaling.activation

    def parts(self, name: str, image_size: Size) -> Iterator[Part]:
        """The convolutions, which work at every level, and the batch normalisations, each at its own."""
        yield Part(name, None, tuple(self.convolutions), count_positions(image_size, self.levels))
        for norms in self.norms:
            for norm, level in zip(norms.children(), self.levels):
                yield Part(name, None, (norm,), count_positions(image_size, [level]))

    def roles(self, module: str, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role in ``module``; ``key`` is the tower's name."""
        for at, (convolution, norms) in enumerate(zip(self.convolutions, self.norms)):
            yield from convolution_roles(Role(module, "conv", index=at), f"{key}.convolutions.{at}", convolution)
            each: Iterator[Any] = norms.children()
            for position, (level, norm) in enumerate(zip(self.levels, each)):
                yield from norm.roles(Role(module, "norm", index=at, level=level), f"{key}.norms.{at}.{position}")

    def forward(self, canvases: Sequence[Tensor], layouts: Sequence[Layout]) -> list[Tensor]:
        """Canvases [B, channels_in, H, W] that hold all levels -> canvases [B, channels, H, W] of the same layouts."""
        maps = list(canvases)
        for convolution, norms in zip(self.convolutions, self.norms):
            assert isinstance(norms, nn.ModuleList)
            if isinstance(convolution, nn.Conv2d) and fused.can_fuse(self, self.activation):
                maps = self._fused(convolution, list(norms), maps, layouts)
                continue
            per_level = iter(norms)
            maps = [
                activate(
                    to_canvas([next(per_level)(x) for x in from_canvas(convolution(canvas), layout)], layout),
                    self.activation,
                )
                for canvas, layout in zip(maps, layouts)
            ]
        return maps

    def _fused(
        self, convolution: nn.Conv2d, norms: Sequence[Any], canvases: Sequence[Tensor], layouts: Sequence[Layout]
    ) -> list[Tensor]:
        remaining, weight, bias = iter(norms), convolution.weight, convolution.bias
        return [
            fused.conv_norm(
                canvas,
                weight,
                [next(remaining) for _ in layout.sizes],
                padding=convolution.kernel_size[0] // 2,
                activation=self.activation,
                bias=bias,
                boxes=layout.boxes,
            )
            for canvas, layout in zip(canvases, layouts)
        ]


def predict(predictor: nn.Module, canvases: Sequence[Tensor], layouts: Sequence[Layout]) -> list[Tensor]:
    """A predictor's maps [B, C, h, w], one for each level."""
    return [x for canvas, layout in zip(canvases, layouts) for x in from_canvas(predictor(canvas), layout)]


def flatten_levels(maps: Sequence[Tensor], channels: int) -> Tensor:
    """Maps [B, A * channels, h, w] of all levels -> [B, N, channels]; N runs over levels, rows, columns, anchors."""
    return torch.cat([x.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, channels)) for x in maps], 1)
