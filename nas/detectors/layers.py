"""Layers of which backbones and heads are made: batch normalisation, convolutions with it, pooling, resizing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, distributed, nn

from nas.detectors import fused
from nas.detectors.convention import CONVENTIONS
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size, count_positions
from search_spaces.errors import ConfigError

NORM_KEYS = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "variance": "running_var"}
"""Part of a batch normalisation's role -> name of the tensor in the layer."""
TRUNCATED_NORMAL_DEVIATION = 0.87962566103423978  # of a unit normal distribution cut off at -2 and 2


def activate(x: Tensor, activation: str) -> Tensor:
    """ReLU, in place (so ``x`` must not be needed afterwards), or swish."""
    return x.relu_() if activation == "relu" else F.silu(x)


class BatchNorm(nn.Module):
    """Batch normalisation over [B, C, H, W]. A batch with a single position is allowed, as in TensorFlow.

    In training under ``torch.distributed``, the statistics are those of all processes together (SpineNet, section 5.1).

    Raises:
        ConfigError: the scaling does not set epsilon or momentum; :meth:`Scaling.resolved` does.
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

    def roles(
        self, role: Role, key: str, first: int | None = None, last: int | None = None
    ) -> Iterator[tuple[Role, Weight]]:
        """The four tensors by role; ``key`` is the layer's own name, and ``first`` and ``last`` bound its channels."""
        for part, name in NORM_KEYS.items():
            yield replace(role, part=part), Weight(f"{key}.{name}", "vector", first, last)

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """Normalise ``x`` [B, C, H, W] with the batch's statistics in training, with the running ones otherwise.

        Args:
            repeats: how many times each position counts. ``x`` may stand for a map that is up-sampled by this factor in
                area: its mean and variance are the same, but its unbiased variance is not.
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
        """Normalise with the mean and the variance over the batches of all processes."""
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
    """A convolution without bias, batch normalisation, and an activation unless it is None.

    The padding of a strided convolution follows the scaling's convention.

    Attributes:
        level: feature level of the output.
        axes: order of the kernel's axes, as in :class:`nas.detectors.parts.Weight`.
        padding: positions added on each side; None: as few as possible, with the odd one at the end.
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
        self.axes = "conv"
        self.stride = stride
        self.kernel = kernel
        self.padding = None if stride > 1 and CONVENTIONS[scaling.convention].same_convolutions else kernel // 2
        self.groups = groups
        self.activation = activation
        initialise_kernel(self.weight)

    def parts(self, name: str, level: int | None, image_size: Size) -> Iterator[Part]:
        """The layer as a part called ``name`` at ``level``."""
        yield Part(name, level, (self,), count_positions(image_size, [self.level]))

    def roles(
        self, role: Role, key: str, first: int | None = None, last: int | None = None
    ) -> Iterator[tuple[Role, Weight]]:
        """The kernel and the batch normalisation by role; arguments as in :meth:`BatchNorm.roles`."""
        yield replace(role, part="kernel"), Weight(f"{key}.weight", self.axes, first, last)
        yield from self.norm.roles(role, f"{key}.norm", first, last)

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """[B, C_in, H, W] -> [B, C_out, ceil(H / stride), ceil(W / stride)]; ``repeats`` as in :class:`BatchNorm`."""
        if fused.can_fuse(self, self.activation):
            return self.fused(x, self.activation, repeats)
        padding = self.padding
        if padding is None:
            x, padding = pad_same(x, self.kernel, self.stride), 0
        x = self.norm(F.conv2d(x, self.weight, None, self.stride, padding, 1, self.groups), repeats)
        return x if self.activation is None else activate(x, self.activation)

    def fused(
        self, x: Tensor, activation: str | None, repeats: int = 1, plus: Tensor | None = None, pool: bool = False
    ) -> Tensor:
        """As :meth:`forward` with another activation, where :func:`nas.detectors.fused.can_fuse` allows it.

        Args:
            plus: what is added before the activation, of the output's shape.
            pool: whether 3x3 max-pooling of stride 2, padded as in :func:`max_pool`, comes before the activation.
        """
        return fused.conv_norm(
            x,
            self.weight,
            (self.norm,),
            stride=self.stride,
            padding=self.padding,
            groups=self.groups,
            activation=activation,
            repeats=repeats,
            plus=plus,
            pool=pool,
        )


def depthwise_conv(channels: int, level: int, scaling: Scaling, stride: int) -> ConvNorm:
    """A depthwise 3x3 convolution, normalised and activated; its weights are Glorot uniform, as in Keras."""
    layer = ConvNorm(channels, channels, 3, level, scaling, stride, groups=channels, activation=scaling.activation)
    layer.axes = "depthwise"
    nn.init.xavier_uniform_(layer.weight)
    return layer


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad [B, C, H, W] with as few zeros as a result of ceil(H / stride) x ceil(W / stride) needs."""
    top, bottom = same_padding(x.shape[2], kernel, stride)
    left, right = same_padding(x.shape[3], kernel, stride)
    return F.pad(x, (left, right, top, bottom))


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Positions added before and after an axis under TensorFlow's SAME; the odd one comes after."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def initialise_kernel(weight: Tensor) -> None:
    """Draw the weights: variance scaling 1.0 over the inputs, normal, truncated at two standard deviations."""
    deviation = weight[0].numel() ** -0.5 / TRUNCATED_NORMAL_DEVIATION
    nn.init.trunc_normal_(weight, std=deviation, a=-2 * deviation, b=2 * deviation)


def max_pool(x: Tensor, kernel: Size, stride: Size, same: bool = True) -> Tensor:
    """Max-pooling of [B, C, h, w] to [B, C, ceil(h / stride), ceil(w / stride)], padded with minus infinity.

    Args:
        same: pad as little as possible, with the odd position at the end; otherwise by half the kernel on both sides.
    """
    if not same:
        return F.max_pool2d(x, kernel, stride, (kernel[0] // 2, kernel[1] // 2))
    before = [same_padding(length, k, s)[0] for length, k, s in zip(x.shape[2:], kernel, stride)]
    return F.max_pool2d(x, kernel, stride, (before[0], before[1]), ceil_mode=True)


def resize_nearest(x: Tensor, size: Size) -> Tensor:
    """Resize [B, C, h, w] to ``size`` by nearest neighbours: position i reads position floor(i * in / out)."""
    return x if x.shape[2:] == size else F.interpolate(x, size=size, mode="nearest")


def add_maps(maps: Sequence[Tensor], size: Size, activation: str | None = None) -> Tensor:
    """The sum of maps [B, C, h, w], resized to ``size`` by nearest neighbours, then activated.

    The first map must not be needed afterwards.
    """
    if fused.can_fuse_maps(maps, size, activation):
        return fused.add_maps(maps, size, activation)
    total, *others = (resize_nearest(x, size) for x in maps)
    for x in others:
        total += x
    return total if activation is None else activate(total, activation)


def add_shortcut(
    layer: nn.Module, x: Tensor, shortcut: Tensor, activation: str, drop: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """A layer's output for ``x``, of which ``drop`` may drop something, plus a shortcut; activated."""
    if isinstance(layer, ConvNorm) and drop is None and fused.can_fuse(layer, activation):
        return layer.fused(x, activation, plus=shortcut)
    y = layer(x)
    return activate((y if drop is None else drop(y)).add_(shortcut), activation)
