"""All levels of a feature pyramid side by side on one canvas, so that a shared convolution is one operator.

Levels are at least one empty position apart. Batch normalisation keeps the empty positions at zero, so a 3x3
convolution sees at each level's border the zeros that it would pad with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from nas.detectors.resample import Size
from nas.detectors.scaling import Scaling


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each level lies on the canvas.

    Attributes:
        sizes: (height, width) of each level.
        origins: (row, column) of each level's first position.
        canvas: (height, width) of the whole.
    """

    sizes: tuple[Size, ...]
    origins: tuple[Size, ...]
    canvas: Size

    def view(self, canvas: Tensor, at: int) -> Tensor:
        """The part of a canvas [B, H, W, C] that belongs to level number ``at``: [B, h, w, C]."""
        (row, column), (height, width) = self.origins[at], self.sizes[at]
        return canvas[:, row : row + height, column : column + width]


@lru_cache(maxsize=64)
def plan_layout(sizes: tuple[Size, ...]) -> Layout:
    """Place the levels, finest first: each one's successors lie in turn to its right and below it."""
    origins, row, column = [], 0, 0
    for at, (height, width) in enumerate(sizes):
        origins.append((row, column))
        row, column = (row, column + width + 1) if at % 2 == 0 else (row + height + 1, column)
    ends = [(y + height, x + width) for (y, x), (height, width) in zip(origins, sizes)]
    return Layout(sizes, tuple(origins), (max(y for y, _ in ends), max(x for _, x in ends)))


@lru_cache(maxsize=64)
def membership(layout: Layout, batch: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """[B * H * W, levels]: 1 where a position of the canvas belongs to a level. The tensor is shared."""
    canvas = torch.zeros(batch, *layout.canvas, len(layout.sizes), dtype=dtype)
    for at in range(len(layout.sizes)):
        layout.view(canvas, at)[..., at] = 1
    return canvas.reshape(-1, len(layout.sizes)).to(device)


def pack(maps: Sequence[Tensor], layout: Layout) -> Tensor:
    """Maps [B, C, h, w] of all levels -> canvas [B, C, H, W], zero between them."""
    canvas: Tensor = _Pack.apply(layout, *(x.permute(0, 2, 3, 1) for x in maps))
    return canvas.permute(0, 3, 1, 2)


def unpack(canvas: Tensor, layout: Layout) -> tuple[Tensor, ...]:
    """The inverse of :func:`pack`."""
    return tuple(x.permute(0, 3, 1, 2) for x in _Unpack.apply(canvas.permute(0, 2, 3, 1), layout))


class PackedBatchNorm(nn.Module):
    """Batch normalisation of each level of a canvas with its own statistics, scale and offset.

    Parameters and statistics have shape [levels, C].
    """

    def __init__(self, levels: int, channels: int, scaling: Scaling) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(levels, channels))
        self.bias = nn.Parameter(torch.zeros(levels, channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(levels, channels))
        self.register_buffer("running_var", torch.ones(levels, channels))
        self.epsilon = scaling.bn_epsilon
        self.momentum = scaling.bn_momentum

    def forward(self, x: Tensor, layout: Layout) -> Tensor:
        """Canvas [B, C, H, W] -> canvas of the same shape, zero between the levels."""
        rows = x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
        members = membership(layout, x.shape[0], x.dtype, x.device)
        if self.training:
            y, mean, variance = _NormaliseLevels.apply(rows, self.weight, self.bias, members, self.epsilon)
            self._track(mean, variance, members)
        else:
            scale = self.weight * torch.rsqrt(self.running_var + self.epsilon)
            y = torch.addcmul(members @ (self.bias - self.running_mean * scale), rows, members @ scale)
        return y.view(x.shape[0], *layout.canvas, -1).permute(0, 3, 1, 2)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, members: Tensor) -> None:
        count = members.sum(0).unsqueeze(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1).clamp(min=1)), self.momentum)


class _Pack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layout: Layout, *maps: Tensor) -> Tensor:
        ctx.layout = layout
        canvas = maps[0].new_zeros(maps[0].shape[0], *layout.canvas, maps[0].shape[3])
        for at, x in enumerate(maps):
            layout.view(canvas, at).copy_(x)
        return canvas

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        layout = ctx.layout
        return None, *(layout.view(gradients[0], at).contiguous() for at in range(len(layout.sizes)))


class _Unpack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, canvas: Tensor, layout: Layout) -> tuple[Tensor, ...]:
        ctx.layout = layout
        return tuple(layout.view(canvas, at).contiguous() for at in range(len(layout.sizes)))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return _Pack.forward(ctx, ctx.layout, *gradients), None


class _NormaliseLevels(torch.autograd.Function):
    """Rows [M, C] -> normalised rows, mean and biased variance [levels, C]; no gradient through the last two."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor, members: Tensor, epsilon: float) -> Any:
        averages = (members / members.sum(0)).t()
        mean = averages @ rows
        centred = torch.addmm(rows, members, mean, alpha=-1)
        variance = averages @ (centred * centred)
        deviation = torch.rsqrt(variance + epsilon)
        scale = weight * deviation
        scale_rows = members @ scale
        ctx.save_for_backward(centred, scale_rows, scale, deviation, members, averages)
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(members @ bias, centred, scale_rows), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        centred, scale_rows, scale, deviation, members, averages = ctx.saved_tensors
        gradient = gradients[0]
        mean_gradient = averages @ gradient
        mean_product = averages @ (gradient * centred)
        slope = members @ (scale * deviation.square() * mean_product)
        rows = torch.addmm(gradient * scale_rows, members, scale * mean_gradient, alpha=-1)
        count = members.sum(0).unsqueeze(1)
        rows = rows.addcmul_(centred, slope, value=-1)
        return rows, mean_product * deviation * count, mean_gradient * count, None, None
