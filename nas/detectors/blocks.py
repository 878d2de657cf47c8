"""What a block is made of: convolution with batch normalisation, bottleneck and residual blocks, groups of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.scaling import BOTTLENECK_EXPANSION, Scaling
from search_spaces.architecture import BlockSpec

TRUNCATED_NORMAL_DEVIATION = 0.87962566103423978  # of a unit normal distribution cut off at -2 and 2
MATRIX_BATCH = 16
MATRIX_MULTIPLY_ADDS = 2**20


def activate(x: Tensor, activation: str) -> Tensor:
    """ReLU (in place: ``x`` must not be needed any more) or swish."""
    return x.relu_() if activation == "relu" else F.silu(x)


class BatchNorm(nn.Module):
    """Batch normalisation over [B, C, H, W]; a batch of one single position is allowed, as in TensorFlow."""

    def __init__(self, channels: int, scaling: Scaling) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.epsilon = scaling.bn_epsilon
        self.momentum = scaling.bn_momentum

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """Normalise ``x`` [B, C, H, W] with the batch's statistics in training, with the running ones otherwise.

        Args:
            repeats: how often each position counts: ``x`` may stand for a map up-sampled by that factor in area,
                whose mean and variance are the same, and whose unbiased variance is not.
        """
        positions = x.numel() // x.shape[1]
        if not self.training:
            return self._normalise(x, self.running_mean, self.running_var)
        if positions == 1:
            with torch.no_grad():
                self.running_mean.lerp_(x.flatten(), self.momentum)
                self.running_var.mul_(1 - self.momentum)
            return self._normalise(x, None, None)
        if repeats == 1:
            return self._normalise(x, self.running_mean, self.running_var)
        bias_ratio = (positions * repeats - 1) / ((positions - 1) * repeats)
        variance = self.running_var * bias_ratio
        y = self._normalise(x, self.running_mean, variance)
        torch.div(variance, bias_ratio, out=self.running_var)
        return y

    def _normalise(self, x: Tensor, mean: Tensor | None, variance: Tensor | None) -> Tensor:
        return torch.batch_norm(
            x, self.weight, self.bias, mean, variance, self.training, self.momentum, self.epsilon, False
        )


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, and an activation unless it is None.

    Attributes:
        level: feature level of the output.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        level: int,
        scaling: Scaling,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in // groups, kernel, kernel))
        self.norm = BatchNorm(channels_out, scaling)
        self.level = level
        self.stride = stride
        self.groups = groups
        self.activation = activation
        initialise_kernel(self.weight)

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, ceil(H / stride), ceil(W / stride)]; ``repeats`` as in :class:`BatchNorm`."""
        x = self.norm(convolve(x, self.weight, self.stride, self.groups), repeats)
        return x if self.activation is None else activate(x, self.activation)


def convolve(x: Tensor, weight: Tensor, stride: int, groups: int = 1) -> Tensor:
    """Convolution of [B, C_in, H, W], padded by half the kernel on both sides.

    A large 1x1 convolution of few images is handed over as ``MATRIX_BATCH`` images of one row: on a single CPU core
    PyTorch takes its fast kernels for 1x1 convolutions from a batch of 16 on only.
    """
    kernel = weight.shape[2]
    positions = x.numel() // x.shape[1]
    if (
        kernel > 1
        or not x.is_cpu
        or x.shape[0] >= MATRIX_BATCH
        or positions % MATRIX_BATCH
        or positions * weight.numel() < MATRIX_MULTIPLY_ADDS
    ):
        return F.conv2d(x, weight, None, stride, kernel // 2, 1, groups)
    rows = x.permute(0, 2, 3, 1).reshape(MATRIX_BATCH, 1, positions // MATRIX_BATCH, -1).permute(0, 3, 1, 2)
    y = F.conv2d(rows, weight).permute(0, 2, 3, 1)
    return y.reshape(x.shape[0], x.shape[2], x.shape[3], -1).permute(0, 3, 1, 2)


def initialise_kernel(weight: Tensor) -> None:
    """Variance scaling 1.0 over the inputs, truncated normal at two standard deviations."""
    deviation = weight[0].numel() ** -0.5 / TRUNCATED_NORMAL_DEVIATION
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)


class Block(nn.Module):
    """One post-activation residual unit of stride 1 (ResNet v1.5): bottleneck 1x1, 3x3, 1x1 or residual 3x3, 3x3.

    Attributes:
        drop_rate: probability of dropping the residual branch of a sample in training (stochastic depth).
    """

    def __init__(self, spec: BlockSpec, channels_in: int, scaling: Scaling, drop_rate: float) -> None:
        super().__init__()
        width = scaling.block_width(spec.level)
        kernels = (1, 3, 1) if spec.block_type == "bottleneck" else (3, 3)
        channels_out = width * (BOTTLENECK_EXPANSION if spec.block_type == "bottleneck" else 1)
        widths = (channels_in, *(width,) * (len(kernels) - 1), channels_out)
        activations = (*(scaling.activation,) * (len(kernels) - 1), None)
        self.branch = nn.Sequential(
            *(
                ConvNorm(widths[at], widths[at + 1], kernels[at], spec.level, scaling, activation=activations[at])
                for at in range(len(kernels))
            )
        )
        projects = channels_in != channels_out
        self.projection = ConvNorm(channels_in, channels_out, 1, spec.level, scaling) if projects else None
        self.activation = scaling.activation
        self.drop_rate = drop_rate

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, H, W]."""
        shortcut = x if self.projection is None else self.projection(x)
        y = self.branch(x)
        if self.training and self.drop_rate > 0:
            y = drop_samples(y, self.drop_rate)
        return activate(y.add_(shortcut), self.activation)


def drop_samples(x: Tensor, drop_rate: float) -> Tensor:
    """Set whole samples of [B, C, H, W] to zero with probability ``drop_rate``, scale the others by 1 / keep."""
    keep = 1 - drop_rate
    kept = torch.rand(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device) < keep
    return x * (kept / keep)


def block_group(spec: BlockSpec, channels_in: int, scaling: Scaling, drop_rate: float = 0.0) -> nn.Sequential:
    """``scaling.repeats`` blocks in sequence; only the first may change the number of channels."""
    channels_out = scaling.block_channels(spec.level, spec.block_type)
    inputs = (channels_in, *(channels_out,) * (scaling.repeats - 1))
    return nn.Sequential(*(Block(spec, channels, scaling, drop_rate) for channels in inputs))
