"""Convolutions on a CPU whose kernels are laid out in advance, in the way that oneDNN wants them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LAYOUTS = 16  # the most that a convolution keeps, one for each size of its input


class PrepackedConv(nn.Module):
    """A convolution, its bias and its activation in one operator of oneDNN, in float32, for inference on a CPU.

    PyTorch passes a kernel to oneDNN as it is stored, and oneDNN reorders it at every call. For a 1x1 convolution this
    takes as long as the convolution itself. Here it happens once for each input size, on which the best layout depends.
    The packed kernels are not in the state dictionary.

    Attributes:
        activation: ``"relu"``, ``"swish"`` or ``"none"``.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: int = 1,
        padding: int = 0,
        groups: int = 1,
        activation: str = "none",
    ) -> None:
        super().__init__()
        self.weight: Tensor
        self.bias: Tensor | None
        self.register_buffer("weight", weight.detach().clone())
        self.register_buffer("bias", None if bias is None else bias.detach().clone())
        self.stride, self.padding, self.groups = [stride, stride], [padding, padding], groups
        self.activation = activation
        self.packed: dict[torch.Size, Tensor] = {}

    def __getstate__(self) -> dict[str, Any]:
        """A packed kernel cannot be copied, so copies and pickles pack their kernels again."""
        return self.__dict__ | {"packed": {}}

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, h, w], channels-last."""
        x = x.contiguous(memory_format=torch.channels_last)
        packed = self.packed.get(x.shape)
        if packed is None:
            if len(self.packed) == LAYOUTS:
                del self.packed[next(iter(self.packed))]  # the oldest
            packed = self.packed[x.shape] = torch.ops.mkldnn._reorder_convolution_weight(
                self.weight, self.padding, self.stride, [1, 1], self.groups, list(x.shape)
            )
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, packed, self.bias, self.padding, self.stride, [1, 1], self.groups, self.activation, [], ""
        )
        return y
