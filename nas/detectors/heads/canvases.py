"""The coarse levels of a feature pyramid side by side on one canvas, so that a shared convolution is one operator.

An operator call takes about the same time for every small map; only the finest level is worth a call of its own. Levels
on a canvas are at least one empty position apart, and the empty positions stay zero. So at the border of each level a
3x3 convolution sees the zeros that it would otherwise pad with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from nas.detectors.sizes import Size


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the levels lie on a canvas.

    Attributes:
        sizes: (height, width) of each level.
        origins: (row, column) of each level's first position.
        canvas: (height, width) of the whole canvas.
    """

    sizes: tuple[Size, ...]
    origins: tuple[Size, ...]
    canvas: Size

    @property
    def boxes(self) -> tuple[int, ...]:
        """Row, column, height and width of each level, one after the other; none for a level that is alone."""
        if len(self.sizes) == 1:
            return ()
        return tuple(x for origin, size in zip(self.origins, self.sizes) for x in (*origin, *size))

    def view(self, canvas: Tensor, at: int) -> Tensor:
        """The part [B, C, h, w] of a canvas [B, C, H, W] that belongs to level number ``at``."""
        (row, column), (height, width) = self.origins[at], self.sizes[at]
        return canvas[:, :, row : row + height, column : column + width]


@lru_cache(maxsize=64)
def plan_layouts(sizes: tuple[Size, ...]) -> tuple[Layout, ...]:
    """One layout for the finest level alone and one for all others; ``sizes`` run from fine to coarse."""
    return tuple(_place(group) for group in (sizes[:1], sizes[1:]) if group)


def _place(sizes: tuple[Size, ...]) -> Layout:
    """Place the levels, finest first. What follows a level lies in turn to its right and below it."""
    origins, row, column = [], 0, 0
    for at, (height, width) in enumerate(sizes):
        origins.append((row, column))
        row, column = (row, column + width + 1) if at % 2 == 0 else (row + height + 1, column)
    ends = [(y + height, x + width) for (y, x), (height, width) in zip(origins, sizes)]
    return Layout(sizes, tuple(origins), (max(y for y, _ in ends), max(x for _, x in ends)))


def lay_out(maps: Mapping[int, Tensor]) -> tuple[list[Tensor], tuple[Layout, ...]]:
    """Put maps {level: [B, C, h, w]}, fine to coarse, on canvases [B, C, H, W]; and where each of them lies."""
    layouts = plan_layouts(tuple((x.shape[2], x.shape[3]) for x in maps.values()))
    remaining = iter(maps.values())
    return [to_canvas([next(remaining) for _ in layout.sizes], layout) for layout in layouts], layouts


def to_canvas(maps: Sequence[Tensor], layout: Layout) -> Tensor:
    """Maps [B, C, h, w] of a layout's levels -> canvas [B, C, H, W], zero between them."""
    if len(maps) == 1:
        return maps[0]
    canvas: Tensor = _ToCanvas.apply(layout, *maps)
    return canvas


def from_canvas(canvas: Tensor, layout: Layout) -> tuple[Tensor, ...]:
    """The inverse of :func:`to_canvas`."""
    if len(layout.sizes) == 1:
        return (canvas,)
    maps: tuple[Tensor, ...] = _FromCanvas.apply(layout, canvas)
    return maps


class _ToCanvas(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layout: Layout, *maps: Tensor) -> Tensor:
        ctx.layout = layout
        return _write(layout, maps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return None, *_read(ctx.layout, gradients[0])


class _FromCanvas(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, layout: Layout, canvas: Tensor) -> tuple[Tensor, ...]:
        ctx.layout = layout
        return _read(layout, canvas)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return None, _write(ctx.layout, gradients)


def _write(layout: Layout, maps: Sequence[Tensor]) -> Tensor:
    batch, channels = maps[0].shape[:2]
    canvas = torch.empty(
        (batch, channels, *layout.canvas),
        dtype=maps[0].dtype,
        device=maps[0].device,
        memory_format=torch.channels_last,
    ).zero_()
    for at, x in enumerate(maps):
        layout.view(canvas, at).copy_(x)
    return canvas


def _read(layout: Layout, canvas: Tensor) -> tuple[Tensor, ...]:
    return tuple(layout.view(canvas, at).clone(memory_format=torch.channels_last) for at in range(len(layout.sizes)))
