"""When the fused operators are used, and how they are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn

from nas.detectors.fused.building import load_operators

_operators: Any = None
"""``torch.ops.nas_fused`` while a training uses it, otherwise None."""


@contextmanager
def fused_operators(network: nn.Module) -> Iterator[None]:
    """Let layers in training use the operators, if the network is one for them: on a CPU, in float32, in one process.

    Without a C++ compiler the plain operators are used, and the log says so. The results are equal up to rounding.
    """
    global _operators
    before, _operators = _operators, load_operators() if _fits(network) else None
    try:
        yield
    finally:
        _operators = before


def _fits(network: nn.Module) -> bool:
    tensors = (*network.parameters(), *network.buffers())
    return (
        all(x.device.type == "cpu" and x.dtype in (torch.float32, torch.int64) for x in tensors)
        and torch.backends.mkldnn.is_available()
        and not torch.is_autocast_enabled("cpu")
        and not (distributed.is_available() and distributed.is_initialized())
    )


def can_fuse(layer: nn.Module, activation: str | None) -> bool:
    """Whether a layer can use the operators now, with this activation after it."""
    return _operators is not None and layer.training and activation in (None, "relu")


def can_fuse_maps(maps: Sequence[Tensor], size: tuple[int, int], activation: str | None) -> bool:
    """Whether :func:`add_maps` can be called: every size divides the whole ``size``, and gradients are wanted."""
    return (
        _operators is not None
        and torch.is_grad_enabled()
        and activation in (None, "relu")
        and all(size[0] % x.shape[2] == 0 and size[1] % x.shape[3] == 0 for x in maps)
    )


def conv_norm(
    x: Tensor,
    weight: Tensor,
    norms: Sequence[Any],
    stride: int = 1,
    padding: int | None = 0,
    groups: int = 1,
    activation: str | None = None,
    repeats: int = 1,
    plus: Tensor | None = None,
    bias: Tensor | None = None,
    boxes: Sequence[int] = (),
    pool: bool = False,
) -> Tensor:
    """A convolution, batch normalisation by the batch, an addition or max-pooling, an activation: one operator.

    Only where :func:`can_fuse` says so.

    Args:
        x: [B, C_in, H, W]; ``weight`` [C_out, C_in / groups, k, k]; ``bias`` [C_out].
        norms: one :class:`nas.detectors.layers.BatchNorm`, or one for each of the ``boxes``; their statistics follow.
        padding: positions added on each side; None: as few as possible, with the odd one at the end.
        repeats: how many times each position counts.
        plus: what is added before the activation, of the output's shape.
        boxes: row, column, height and width of each level on a canvas, one after the other; between them the output is
            zero. Empty: the whole map is one level.
        pool: whether 3x3 max-pooling of stride 2, padded as little as possible, comes before ReLU.

    Returns:
        [B, C_out, h, w], channels-last.
    """
    tensors = [x for norm in norms for x in (norm.weight, norm.bias, norm.running_mean, norm.running_var)]
    y: Tensor = _operators.conv_norm.default(
        x,
        weight,
        bias,
        plus,
        tensors,
        boxes,
        stride,
        -1 if padding is None else padding,
        groups,
        activation is not None,
        repeats,
        pool,
        norms[0].momentum,
        norms[0].epsilon,
    )
    return y


def add_maps(maps: Sequence[Tensor], size: tuple[int, int], activation: str | None) -> Tensor:
    """The sum of maps [B, C, h, w], up-sampled by whole factors to ``size``; then the activation."""
    y: Tensor = _operators.merge.default(maps, *size, activation is not None)
    return y
