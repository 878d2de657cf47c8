"""Sums of batch-normalised 1x1 convolutions, without ever storing a convolution's own output.

Where few channels become many (the end of a connection, the end of a bottleneck) the wide maps are most of the memory
traffic. The statistics of ``x W`` follow from the mean and covariance of the narrow ``x``: its mean is ``mean(x) W``,
its variance the diagonal of ``W' cov(x) W``. So each normalisation is folded into its convolution, all of them run as
one matrix product, and only the sum is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.scaling import Scaling


class PointwiseSum(nn.Module):
    """The sum over several inputs of a 1x1 convolution with batch normalisation each, of one size.

    Scales, offsets and statistics of the normalisations are concatenated: [inputs * channels_out].

    Attributes:
        level: feature level of inputs and output.
    """

    def __init__(self, channels_in: Sequence[int], channels_out: int, level: int, scaling: Scaling) -> None:
        super().__init__()
        inputs, total = len(channels_in), sum(channels_in)
        self.weight = nn.Parameter(torch.empty(channels_out, total, 1, 1))
        self.scale = nn.Parameter(torch.ones(inputs * channels_out))
        self.offset = nn.Parameter(torch.zeros(inputs * channels_out))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.owner: Tensor
        self.register_buffer("running_mean", torch.zeros(inputs * channels_out))
        self.register_buffer("running_var", torch.ones(inputs * channels_out))
        owner = torch.eye(inputs).repeat_interleave(torch.tensor(channels_in), dim=0)
        self.register_buffer("owner", owner, persistent=False)  # [total, inputs]: whose channel it is
        self.level = level
        self.epsilon = scaling.bn_epsilon
        self.momentum = scaling.bn_momentum
        for kernel in self.weight.data.split(list(channels_in), dim=1):
            initialise_kernel(kernel)

    def forward(self, inputs: Sequence[Tensor], addends: Sequence[Tensor] = ()) -> Tensor:
        """Inputs [B, C_i, H, W] and further addends [B, C, H, W] -> [B, C, H, W]; the result may be written to."""
        x = inputs[0] if len(inputs) == 1 else torch.cat(list(inputs), dim=1)
        addend = sum(addends[1:], addends[0]) if addends else None
        if self.training:
            y, mean, variance = _NormalisedProduct.apply(
                x, self.weight, self.scale, self.offset, addend, self.owner, self.epsilon
            )
            self._track(mean, variance, x.numel() // x.shape[1])
            return y
        scale = self.scale * torch.rsqrt(self.running_var + self.epsilon)
        offset = self.offset - self.running_mean * scale
        kernel = self.weight.flatten(1) * (self.owner @ scale.view(self.owner.shape[1], -1)).t()
        y = F.linear(x.permute(0, 2, 3, 1), kernel, offset.view(self.owner.shape[1], -1).sum(0)).permute(0, 3, 1, 2)
        return y if addend is None else y + addend

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, positions: int) -> None:
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (positions / max(positions - 1, 1)), self.momentum)


def initialise_kernel(weight: Tensor) -> None:
    """Variance scaling 1.0 over the inputs, truncated normal at two standard deviations."""
    deviation = weight[0].numel() ** -0.5 / TRUNCATED_NORMAL_DEVIATION
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)


TRUNCATED_NORMAL_DEVIATION = 0.87962566103423978  # of a unit normal distribution cut off at -2 and 2


class _NormalisedProduct(torch.autograd.Function):
    """The training pass of :class:`PointwiseSum`: the sum, and each input's mean and biased variance [inputs * C].

    With x centred, N positions, ``owner`` [K, I] and everything per channel in the shape [C, K] or [C, I]:
    variance = ((W cov) * W) owner, where cov = x'x / N within each input; y = x (W * scale / deviation)' + offsets.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        scale: Tensor,
        offset: Tensor,
        addend: Tensor | None,
        owner: Tensor,
        epsilon: float,
    ) -> Any:
        inputs = owner.shape[1]
        kernel = weight.flatten(1)
        rows = as_rows(x)
        mean = rows.mean(0)
        rows = rows - mean
        covariance = (rows.t() @ rows).mul_(owner @ owner.t()).div_(len(rows))
        product = kernel @ covariance
        variance = (product * kernel) @ owner
        inverse = (variance.clamp(min=0) + epsilon).rsqrt_()
        factor = (inverse * scale.view(inputs, -1).t()) @ owner.t()
        folded = kernel * factor
        y = torch.empty(
            (x.shape[0], len(kernel), *x.shape[2:]), dtype=x.dtype, device=x.device, memory_format=torch.channels_last
        )
        total = offset.view(inputs, -1).sum(0)
        if addend is None:
            torch.addmm(total, rows, folded.t(), out=as_rows(y))
        else:
            torch.add(addend, total.view(-1, 1, 1), out=y)
            as_rows(y).addmm_(rows, folded.t())
        ctx.save_for_backward(rows, kernel, scale, owner, product, inverse, factor, folded)
        ctx.shape, ctx.has_addend = x.shape, addend is not None
        means = (kernel * mean) @ owner
        ctx.mark_non_differentiable(means, variance)
        return y, means.t().flatten(), variance.t().flatten()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        rows, kernel, scale, owner, product, inverse, factor, folded = ctx.saved_tensors
        inputs = owner.shape[1]
        gradient = as_rows(gradients[0])
        d_offset = gradient.sum(0)
        d_folded = (rows.t() @ gradient).t()
        d_factor = (d_folded * kernel) @ owner
        d_variance = (d_factor * scale.view(inputs, -1).t() * inverse.pow(3)) @ owner.t()  # times -2
        weighted = d_variance * kernel
        d_kernel = d_folded * factor - d_variance * product
        d_covariance = (weighted.t() @ kernel).mul_(owner @ owner.t())
        d_rows = gradient @ folded
        d_rows = d_rows.addmm_(rows, d_covariance, alpha=-1 / len(rows)).sub_(d_offset @ folded / len(rows))
        d_x = d_rows.view(ctx.shape[0], *ctx.shape[2:], -1).permute(0, 3, 1, 2)
        return (
            d_x,
            d_kernel[:, :, None, None],
            (d_factor * inverse).t().flatten(),
            d_offset.repeat(inputs),
            gradients[0] if ctx.has_addend else None,
            None,
            None,
        )


def as_rows(x: Tensor) -> Tensor:
    """[B, C, H, W] -> [B * H * W, C]; a view if ``x`` is in channels-last order."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])
