"""What a network is made of: convolutions with batch normalisation; bottleneck, residual and MBConv blocks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn

from nas.detectors.scaling import Scaling
from search_spaces.block import BlockSpec
from search_spaces.errors import ConfigError

MBCONV_EXPANSION = 6
SQUEEZE_RATIO = 0.2
TRUNCATED_NORMAL_DEVIATION = 0.87962566103423978  # of a unit normal distribution cut off at -2 and 2


def activate(x: Tensor, activation: str) -> Tensor:
    """ReLU (in place: ``x`` must not be needed any more) or swish."""
    return x.relu_() if activation == "relu" else F.silu(x)


class BatchNorm(nn.Module):
    """Batch normalisation over [B, C, H, W]; a batch of one single position is allowed, as in TensorFlow.

    In training under ``torch.distributed`` the statistics are those of all processes together (section 5.1).

    Raises:
        ConfigError: the scaling leaves epsilon or momentum open; :meth:`Scaling.resolved` settles them.
    """

    def __init__(self, channels: int, scaling: Scaling) -> None:
        super().__init__()
        if scaling.bn_epsilon is None or scaling.bn_momentum is None:
            raise ConfigError(
                "scaling: bn_epsilon or bn_momentum is None; Scaling.resolved(head) gives the convention's."
            )
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
        if self.training and _is_distributed():
            return self._synchronised(x, repeats)
        positions = x.numel() // x.shape[1]
        if not self.training or (positions > 1 and repeats == 1):
            return self._normalise(x, self.running_mean, self.running_var)
        if positions == 1:
            with torch.no_grad():
                self.running_mean.lerp_(x.flatten().float(), self.momentum)
                self.running_var.mul_(1 - self.momentum)
            return self._normalise(x, None, None)
        ratio = (positions * repeats - 1) / ((positions - 1) * repeats)
        variance = self.running_var * ratio
        y = self._normalise(x, self.running_mean, variance)
        torch.div(variance, ratio, out=self.running_var)
        return y

    def _synchronised(self, x: Tensor, repeats: int) -> Tensor:
        """Normalise with mean and variance over the batches of all processes."""
        from torch.distributed.nn.functional import all_reduce  # absent from a PyTorch built without distributed

        here = x.numel() // x.shape[1]
        dims = (0, 2, 3)
        total = all_reduce(torch.cat([x.float().sum(dims), x.new_tensor([here], dtype=torch.float32)]))
        count = total[-1].detach()
        mean = (total[:-1] / count).view(1, -1, 1, 1)
        variance = all_reduce((x.float() - mean).square().sum(dims)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean.flatten(), self.momentum)
            unbiased = variance * (count * repeats / (count * repeats - 1).clamp(min=1))
            self.running_var.lerp_(unbiased, self.momentum)
        scale = (variance + self.epsilon).rsqrt().view(1, -1, 1, 1) * self.weight.view(1, -1, 1, 1)
        return ((x.float() - mean) * scale + self.bias.view(1, -1, 1, 1)).to(x.dtype)

    def _normalise(self, x: Tensor, mean: Tensor | None, variance: Tensor | None) -> Tensor:
        return torch.batch_norm(
            x, self.weight, self.bias, mean, variance, self.training, self.momentum, self.epsilon, False
        )


def _is_distributed() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, and an activation unless it is None.

    A strided convolution pads as the scaling's convention says.

    Attributes:
        level: feature level of the output.
        padding: positions added on each side; None: as few as possible, the odd one at the end.
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
        self.kernel = kernel
        self.padding = None if stride > 1 and scaling.rules.same_convolutions else kernel // 2
        self.groups = groups
        self.activation = activation
        initialise_kernel(self.weight)

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, ceil(H / stride), ceil(W / stride)]; ``repeats`` as in :class:`BatchNorm`."""
        padding = self.padding
        if padding is None:
            x, padding = pad_same(x, self.kernel, self.stride), 0
        x = self.norm(F.conv2d(x, self.weight, None, self.stride, padding, 1, self.groups), repeats)
        return x if self.activation is None else activate(x, self.activation)


def depthwise_conv(channels: int, level: int, scaling: Scaling, stride: int) -> ConvNorm:
    """A depthwise 3x3 convolution with batch normalisation and the scaling's activation, Glorot uniform as in Keras."""
    layer = ConvNorm(channels, channels, 3, level, scaling, stride, groups=channels, activation=scaling.activation)
    nn.init.xavier_uniform_(layer.weight)
    return layer


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Zeros around [B, C, H, W] as few as a result of ceil(H / stride) x ceil(W / stride) needs, the odd one last."""
    top, bottom = same_padding(x.shape[2], kernel, stride)
    left, right = same_padding(x.shape[3], kernel, stride)
    return F.pad(x, (left, right, top, bottom))


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Positions before and after an axis under TensorFlow's SAME."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def initialise_kernel(weight: Tensor) -> None:
    """Variance scaling 1.0 over the inputs, truncated normal at two standard deviations."""
    deviation = weight[0].numel() ** -0.5 / TRUNCATED_NORMAL_DEVIATION
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)


class BottleneckBlock(nn.Module):
    """1x1, 3x3 and 1x1 convolution and a shortcut, activation after the sum (ResNet v1.5: the 3x3 takes the stride).

    The shortcut is a 1x1 convolution if the number of channels or the resolution changes. ``drop_rate`` is the
    probability of dropping the residual branch of a sample in training (stochastic depth).
    """

    def __init__(
        self,
        level: int,
        channels_in: int,
        scaling: Scaling,
        drop_rate: float,
        stride: int = 1,
        family: str = "spinenet",
    ) -> None:
        super().__init__()
        width, channels_out = scaling.block_width(level, family), scaling.block_channels(level, "bottleneck", family)
        self.activation = scaling.activation
        self.drop_rate = drop_rate
        reduce_level = level if stride == 1 else level - 1
        self.reduce = ConvNorm(channels_in, width, 1, reduce_level, scaling, activation=scaling.activation)
        self.conv = ConvNorm(width, width, 3, level, scaling, stride, activation=scaling.activation)
        self.expand = ConvNorm(width, channels_out, 1, level, scaling)
        self.projection = _projection(channels_in, channels_out, level, scaling, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""
        return _with_shortcut(self, self.expand(self.conv(self.reduce(x))), x)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, the first with the stride, and a shortcut; otherwise as :class:`BottleneckBlock`."""

    def __init__(
        self,
        level: int,
        channels_in: int,
        scaling: Scaling,
        drop_rate: float,
        stride: int = 1,
        family: str = "spinenet",
    ) -> None:
        super().__init__()
        width = scaling.block_channels(level, "residual", family)
        self.activation = scaling.activation
        self.drop_rate = drop_rate
        self.first = ConvNorm(channels_in, width, 3, level, scaling, stride, activation=scaling.activation)
        self.second = ConvNorm(width, width, 3, level, scaling)
        self.projection = _projection(channels_in, width, level, scaling, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""
        return _with_shortcut(self, self.second(self.first(x)), x)


def _projection(channels_in: int, channels_out: int, level: int, scaling: Scaling, stride: int) -> ConvNorm | None:
    """The shortcut's 1x1 convolution, where channels or resolution change."""
    if channels_in == channels_out and stride == 1:
        return None
    return ConvNorm(channels_in, channels_out, 1, level, scaling, stride)


def _with_shortcut(block: BottleneckBlock | ResidualBlock, y: Tensor, x: Tensor) -> Tensor:
    """The residual branch's ``y``, dropped in training as the block says, plus the shortcut of ``x``, activated."""
    if block.training and block.drop_rate > 0:
        y = drop_samples(y, block.drop_rate)
    return activate(y.add_(x if block.projection is None else block.projection(x)), block.activation)


class InvertedBottleneckBlock(nn.Module):
    """MBConv: 1x1 expansion, depthwise 3x3, squeeze-and-excite, linear 1x1 (SpineNet, appendix A; MnasNet, Figure 7).

    The shortcut exists only where neither channels nor resolution change; nothing is activated after it.
    """

    def __init__(
        self, level: int, channels_in: int, scaling: Scaling, drop_rate: float, stride: int = 1, family: str = "mobile"
    ) -> None:
        super().__init__()
        channels_out, wide = scaling.block_channels(level, "mbconv", family), channels_in * MBCONV_EXPANSION
        expand_level, act = level if stride == 1 else level - 1, scaling.activation
        self.drop_rate = drop_rate
        self.expand = ConvNorm(channels_in, wide, 1, expand_level, scaling, activation=act)
        self.depthwise = depthwise_conv(wide, level, scaling, stride)
        self.squeeze = SqueezeExcite(wide, max(1, int(channels_in * SQUEEZE_RATIO)), scaling)
        self.project = ConvNorm(wide, channels_out, 1, level, scaling)
        self.has_shortcut = channels_in == channels_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """[B, C_in, H, W] -> [B, C, ceil(H / stride), ceil(W / stride)]."""
        y = self.project(self.squeeze(self.depthwise(self.expand(x))))
        if not self.has_shortcut:
            return y
        if self.training and self.drop_rate > 0:
            y = drop_samples(y, self.drop_rate)
        return y.add_(x)


class SqueezeExcite(nn.Module):
    """Channels weighted by what two 1x1 convolutions with bias make of their means (arXiv 1709.01507)."""

    def __init__(self, channels: int, squeezed: int, scaling: Scaling) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, squeezed, 1)
        self.expand = nn.Conv2d(squeezed, channels, 1)
        self.activation = scaling.rules.squeeze_activation
        self.gate = scaling.rules.gate
        for convolution in (self.reduce, self.expand):
            initialise_kernel(convolution.weight)
            assert convolution.bias is not None
            nn.init.zeros_(convolution.bias)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        return x * GATES[self.gate](self.expand(activate(self.reduce(x.mean((2, 3), keepdim=True)), self.activation)))


def _hard_sigmoid(x: Tensor) -> Tensor:
    return F.relu6(x + 3) * 0.16667  # the constant of TF Model Garden, not 1/6


GATES: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "hard_sigmoid": _hard_sigmoid}


def drop_samples(x: Tensor, drop_rate: float) -> Tensor:
    """Set whole samples of [B, C, H, W] to zero with probability ``drop_rate``, scale the others by 1 / keep."""
    keep = 1 - drop_rate
    kept = torch.rand(x.shape[0], 1, 1, 1, device=x.device) < keep
    return x * (kept / keep).to(x.dtype)


BLOCKS: dict[str, Callable[..., nn.Module]] = {
    "bottleneck": BottleneckBlock,
    "residual": ResidualBlock,
    "mbconv": InvertedBottleneckBlock,
}


def block_group(
    spec: BlockSpec,
    channels_in: int,
    scaling: Scaling,
    drop_rate: float = 0.0,
    stride: int = 1,
    family: str = "spinenet",
) -> nn.Sequential:
    """``scaling.repeats`` blocks in sequence; only the first may change channels and resolution."""
    block = partial(BLOCKS[spec.block_type], spec.level, scaling=scaling, drop_rate=drop_rate, family=family)
    channels = scaling.block_channels(spec.level, spec.block_type, family)
    first = block(channels_in=channels_in, stride=stride)
    return nn.Sequential(first, *(block(channels_in=channels) for _ in range(scaling.repeats - 1)))
