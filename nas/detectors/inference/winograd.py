"""3x3 convolutions with fewer multiplications: Winograd's F(2x2, 3x3) (Lavin and Gray, arXiv 1509.09308, section 4.1).

Each 2x2 tile of the output needs 16 multiplications for each pair of channels instead of 36. The transforms before and
after are sums of a few slices. They are cheap only if a compiler fuses them, so both are compiled at the first call,
for images of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.inference.compiling import compiling
from nas.detectors.inference.onednn import PrepackedConv
from nas.detectors.layers import activate

TILE = 2  # side of an output tile
PATCH = 4  # side of the input patch that a tile needs
MIN_TILES = 256  # with fewer, reading the transformed kernels costs more than they save
VERSIONS = 64  # the most of a compiled transform, by activation, memory layout, and which sizes are equal
STRIP_BYTES = 20 * 2**20  # the most that patches and their products take
CHANNEL_MULTIPLE = 16  # multiplying is slow if a group's channels are not a multiple of a vector's length

_INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
_KERNEL = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))
_OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))


class WinogradConv(nn.Module):
    """Computes what a 3x3 convolution of stride 1 and padding 1 does, from its weight and bias.

    ``products`` is a 1x1 convolution with 16 groups, one for each position in a patch. Maps with fewer than
    ``MIN_TILES`` tiles go through ``plain``, the convolution as it is.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.channels = weight.shape[0]
        padded = F.pad(weight, (0, 0, 0, 0, 0, 0, 0, -self.channels % CHANNEL_MULTIPLE)).double()
        transform = torch.tensor(_KERNEL, dtype=torch.float64)
        kernels = torch.einsum("ia,ocab,jb->ijoc", transform, padded, transform).flatten(0, 2)[:, :, None, None]
        self.products = PrepackedConv(kernels.to(weight.dtype), None, groups=PATCH * PATCH)
        self.plain = PrepackedConv(weight, None, padding=1)
        self.scale: Tensor
        self.bias: Tensor
        self.register_buffer("scale", weight.new_ones(self.channels, 1, 1))
        bias = weight.new_zeros(self.channels) if bias is None else bias.detach().clone()
        self.register_buffer("bias", bias[:, None, None])

    def forward(
        self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None, activation: str | None = None
    ) -> Tensor:
        """[B, C_in, H, W] -> [B, C, H, W], times ``scale`` and plus ``shift`` [C, 1, 1] if given, then activated."""
        height, width = x.shape[2], x.shape[3]
        scale = self.scale if scale is None else scale
        shift = self.bias if shift is None else torch.addcmul(shift, self.bias, scale)
        if height * width < MIN_TILES * TILE**2:
            y = torch.addcmul(shift, self.plain(x), scale)
        else:
            y = self._by_strips(x, scale, shift, activation == "relu")
            activation = None if activation == "relu" else activation
        return y if activation is None else activate(y, activation)

    def _by_strips(self, x: Tensor, scale: Tensor, shift: Tensor, relu: bool) -> Tensor:
        """Compute a few rows of tiles at a time, so that intermediate results stay in the cache."""
        height, width = x.shape[2], x.shape[3]
        y = torch.empty((x.shape[0], self.channels, height, width), dtype=x.dtype, memory_format=torch.channels_last)
        x = F.pad(x, (1, 1 + width % TILE, 1, 1 + height % TILE))
        bytes_in_row = 4 * PATCH * PATCH * (x.shape[1] + self.products.weight.shape[0] // PATCH**2) * -(-width // TILE)
        tile_rows = -(-height // TILE)
        strips = -(-tile_rows // max(1, STRIP_BYTES // bytes_in_row))
        rows = TILE * -(-tile_rows // strips)  # all strips have this height, except perhaps the last
        with compiling():
            for top in range(0, height, rows):
                products = self.products(_compiled(_patches)(x[:, :, top : top + rows + TILE]))
                _compiled(_write_outputs)(y[:, :, top : top + rows], products, scale, shift, relu)
        return y


@cache
def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    limits = torch._dynamo.config
    limits.recompile_limit = max(limits.recompile_limit, VERSIONS)  # beyond it a function would silently run uncompiled
    return torch.compile(function, dynamic=True)


def _write_outputs(y: Tensor, products: Tensor, scale: Tensor, shift: Tensor, relu: bool) -> None:
    """Write tiles [B, 16 * C', h, w], of which the first C of each C' channels count, into ``y`` [B, C, H, W]."""
    tiles = products.unflatten(1, (PATCH, PATCH, -1))[:, :, :, : shift.shape[0]]
    rows = [_combine(_OUTPUT, tiles[:, :, column].unbind(1)) for column in range(PATCH)]
    outputs = [_combine(_OUTPUT, [row[at] for row in rows]) for at in range(TILE)]
    finished = [torch.stack([_finish(part * scale + shift, relu) for part in row], dim=-1) for row in outputs]
    grid = torch.stack(finished, dim=-2)
    whole = grid.permute(0, 2, 4, 3, 5, 1).flatten(1, 2).flatten(2, 3).permute(0, 3, 1, 2)
    y.copy_(whole[:, :, : y.shape[2], : y.shape[3]])


def _finish(y: Tensor, relu: bool) -> Tensor:
    return y.relu() if relu else y


def _patches(x: Tensor) -> Tensor:
    """The transformed patch of each tile: a map with its border, [B, C, 2 * h + 2, 2 * w + 2] -> [B, 16 * C, h, w]."""
    last_row, last_column = x.shape[2] - PATCH + 1, x.shape[3] - PATCH + 1
    rows = [
        _combine(
            _INPUT, [x[:, :, row : row + last_row : TILE, column : column + last_column : TILE] for row in range(4)]
        )
        for column in range(PATCH)
    ]
    return torch.cat([y for at in range(PATCH) for y in _combine(_INPUT, [row[at] for row in rows])], dim=1)


def _combine(matrix: Sequence[Sequence[int]], parts: Sequence[Tensor]) -> list[Tensor]:
    """The sum of the parts for each row of coefficients 1, 0 and -1."""
    return [_signed_sum([(sign, part) for sign, part in zip(row, parts) if sign]) for row in matrix]


def _signed_sum(terms: Sequence[tuple[int, Tensor]]) -> Tensor:
    (sign, total), *others = sorted(terms, key=lambda term: -term[0])
    assert sign == 1
    for sign, part in others:
        total = total + part if sign == 1 else total - part
    return total
