"""The weights of a network side by side in memory, so that whatever is done to all of them is one pass.

A small detector has hundreds of tensors. To clip, step and average them one by one takes longer than the arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

ALIGNMENT = 64  # elements; every tensor begins at a multiple of this, as kernels for wide registers like it


class FlatWeights(nn.Module):
    """All of a network's trained weights and its statistics, in three tensors.

    Attributes:
        kernels: [1, N], the weights with several dimensions.
        others: [N], the weights with one: biases and batch normalisation.
        statistics: [N], the buffers of floating point numbers.
    """

    statistics: Tensor

    def __init__(self, kernels: Tensor, others: Tensor, statistics: Tensor) -> None:
        super().__init__()
        self.kernels = nn.Parameter(kernels[None])
        self.others = nn.Parameter(others)
        self.register_buffer("statistics", statistics)
        for parameter in (self.kernels, self.others):
            parameter.grad = torch.zeros_like(parameter)


@contextmanager
def flat_weights(network: nn.Module) -> Iterator[FlatWeights]:
    """Let the network's weights, gradients and statistics be views of flat ones; afterwards they are its own again.

    The network computes the same as before, with the same state dictionary. A backward pass adds to the flat gradients:
    set them to zero, not to None. The gradient of a weight that no loss reaches is zero, so weight decay acts on it.
    All tensors must have one type and be on one device.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    kernels = [parameter for parameter in trained if parameter.ndim > 1]
    others = [parameter for parameter in trained if parameter.ndim <= 1]
    statistics = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
    flat = FlatWeights(_flatten(kernels), _flatten(others), _flatten(statistics))
    for tensors, whole in ((kernels, flat.kernels), (others, flat.others), (statistics, flat.statistics)):
        for tensor, view in zip(tensors, _views(whole.detach(), tensors)):
            tensor.data = view
        if whole.grad is not None:
            for tensor, view in zip(tensors, _views(whole.grad, tensors)):
                tensor.grad = view
    try:
        yield flat
    finally:
        for tensor in (*trained, *statistics):
            tensor.data = tensor.detach().clone()
            tensor.grad = None


def _flatten(tensors: Sequence[Tensor]) -> Tensor:
    """One vector with room for all tensors, which holds their values; zero in the gaps."""
    like = tensors[0] if tensors else torch.empty(0)
    flat = like.new_zeros(sum(map(_room, tensors)))
    for tensor, view in zip(tensors, _views(flat, tensors)):
        view.copy_(tensor.detach())
    return flat


def _views(flat: Tensor, tensors: Sequence[Tensor]) -> Iterator[Tensor]:
    """Where each tensor lies in a flat one, in the shape and the order of dimensions that it has itself."""
    start = 0
    for tensor in tensors:
        yield flat.as_strided(tensor.shape, torch.empty_like(tensor, device="meta").stride(), start)
        start += _room(tensor)


def _room(tensor: Tensor) -> int:
    return -(-tensor.numel() // ALIGNMENT) * ALIGNMENT
