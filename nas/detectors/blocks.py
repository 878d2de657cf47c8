"""What a network is made of: convolutions with batch normalisation, bottleneck and residual blocks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.scaling import Scaling
from search_spaces.architecture import BlockSpec

TRUNCATED_NORMAL_DEVIATION = 0.87962566103423978  # of a unit normal distribution cut off at -2 and 2


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
        if not self.training or (positions > 1 and repeats == 1):
            return self._normalise(x, self.running_mean, self.running_var)
        if positions == 1:
            with torch.no_grad():
                self.running_mean.lerp_(x.flatten(), self.momentum)
                self.running_var.mul_(1 - self.momentum)
            return self._normalise(x, None, None)
        ratio = (positions * repeats - 1) / ((positions - 1) * repeats)
        variance = self.running_var * ratio
        y = self._normalise(x, self.running_mean, variance)
        torch.div(variance, ratio, out=self.running_var)
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
        self.padding = kernel // 2
        self.groups = groups
        self.activation = activation
        initialise_kernel(self.weight)

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, ceil(H / stride), ceil(W / stride)]; ``repeats`` as in :class:`BatchNorm`."""
        x = self.norm(F.conv2d(x, self.weight, None, self.stride, self.padding, 1, self.groups), repeats)
        return x if self.activation is None else activate(x, self.activation)


def initialise_kernel(weight: Tensor) -> None:
    """Variance scaling 1.0 over the inputs, truncated normal at two standard deviations."""
    deviation = weight[0].numel() ** -0.5 / TRUNCATED_NORMAL_DEVIATION
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)


class BottleneckBlock(nn.Module):
    """1x1, 3x3 and 1x1 convolution and a shortcut, activation after the sum (ResNet v1.5, stride 1).

    The shortcut is a 1x1 convolution if the number of channels changes. ``drop_rate`` is the probability of dropping
    the residual branch of a sample in training (stochastic depth).
    """

    def __init__(self, level: int, channels_in: int, scaling: Scaling, drop_rate: float) -> None:
        super().__init__()
        width, channels_out = scaling.block_width(level), scaling.block_channels(level, "bottleneck")
        self.activation = scaling.activation
        self.drop_rate = drop_rate
        self.reduce = ConvNorm(channels_in, width, 1, level, scaling, activation=scaling.activation)
        self.conv = ConvNorm(width, width, 3, level, scaling, activation=scaling.activation)
        self.expand = ConvNorm(width, channels_out, 1, level, scaling)
        self.projection = (
            ConvNorm(channels_in, channels_out, 1, level, scaling) if channels_in != channels_out else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, H, W]."""
        y = self.expand(self.conv(self.reduce(x)))
        if self.training and self.drop_rate > 0:
            y = drop_samples(y, self.drop_rate)
        return activate(y.add_(x if self.projection is None else self.projection(x)), self.activation)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; otherwise as :class:`BottleneckBlock`."""

    def __init__(self, level: int, channels_in: int, scaling: Scaling, drop_rate: float) -> None:
        super().__init__()
        width = scaling.block_channels(level, "residual")
        self.activation = scaling.activation
        self.drop_rate = drop_rate
        self.first = ConvNorm(channels_in, width, 3, level, scaling, activation=scaling.activation)
        self.second = ConvNorm(width, width, 3, level, scaling)
        self.projection = ConvNorm(channels_in, width, 1, level, scaling) if channels_in != width else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, H, W]."""
        y = self.second(self.first(x))
        if self.training and self.drop_rate > 0:
            y = drop_samples(y, self.drop_rate)
        return activate(y.add_(x if self.projection is None else self.projection(x)), self.activation)


def drop_samples(x: Tensor, drop_rate: float) -> Tensor:
    """Set whole samples of [B, C, H, W] to zero with probability ``drop_rate``, scale the others by 1 / keep."""
    keep = 1 - drop_rate
    kept = torch.rand(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device) < keep
    return x * (kept / keep)


def block_group(spec: BlockSpec, channels_in: int, scaling: Scaling, drop_rate: float = 0.0) -> nn.Sequential:
    """``scaling.repeats`` blocks in sequence; only the first may change the number of channels."""
    block = BottleneckBlock if spec.block_type == "bottleneck" else ResidualBlock
    channels_out = scaling.block_channels(spec.level, spec.block_type)
    inputs = (channels_in, *(channels_out,) * (scaling.repeats - 1))
    return nn.Sequential(*(block(spec.level, channels, scaling, drop_rate) for channels in inputs))
