"""A network made fast for inference: folded batch normalisation, fewer multiplications, compilation."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from nas.detectors.detector import Network
from nas.detectors.heads.canvases import Layout, from_canvas, to_canvas
from nas.detectors.heads.towers import Tower
from nas.detectors.inference.memory import keep_freed_memory
from nas.detectors.inference.onednn import PrepackedConv
from nas.detectors.inference.winograd import WinogradConv
from nas.detectors.layers import BatchNorm, ConvNorm, activate, pad_same

WINOGRAD_CHANNELS = 128  # with fewer, a convolution's transforms cost more than they save

AnyNetwork = TypeVar("AnyNetwork", bound=Network)


class FoldedConvNorm(nn.Module):
    """A :class:`ConvNorm` in evaluation: one convolution with a bias, and the activation."""

    def __init__(self, source: ConvNorm) -> None:
        super().__init__()
        scale, shift = scale_and_shift(source.norm)
        self.convolution: nn.Module = nn.utils.skip_init(
            nn.Conv2d,
            source.weight.shape[1] * source.groups,
            source.weight.shape[0],
            source.kernel,
            source.stride,
            source.padding or 0,
            groups=source.groups,
            device=source.weight.device,
            dtype=source.weight.dtype,
        )
        assert self.convolution.bias is not None
        self.convolution.weight = frozen((source.weight.double() * scale[:, None, None, None]).to(source.weight.dtype))
        self.convolution.bias = frozen(shift.to(source.weight.dtype))
        self.pads_same = source.padding is None
        self.kernel, self.stride = source.kernel, source.stride
        self.activation = source.activation

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """As in :meth:`ConvNorm.forward`; ``repeats`` matters to batch statistics only, and there are none."""
        y: Tensor = self.convolution(pad_same(x, self.kernel, self.stride) if self.pads_same else x)
        return y if self.activation is None else activate(y, self.activation)


class FoldedBatchNorm(nn.Module):
    """A :class:`BatchNorm` in evaluation that no convolution can take in: a factor and a summand for each channel."""

    def __init__(self, source: BatchNorm) -> None:
        super().__init__()
        scale, shift = (x.to(source.weight.dtype)[:, None, None] for x in scale_and_shift(source))
        self.scale, self.shift = frozen(scale), frozen(shift)

    def forward(self, x: Tensor, repeats: int = 1) -> Tensor:
        """[B, C, H, W] -> the same shape; ``repeats`` as in :class:`FoldedConvNorm`."""
        return torch.addcmul(self.shift, x, self.scale)


class LevelwiseTower(nn.Module):
    """A :class:`Tower` with one map per level instead of canvases, so that a convolution takes in what follows it."""

    def __init__(self, source: Tower) -> None:
        super().__init__()
        self.convolutions, self.norms = source.convolutions, source.norms
        self.activation = source.activation

    def forward(self, canvases: Sequence[Tensor], layouts: Sequence[Layout]) -> list[Tensor]:
        """As in :meth:`Tower.forward`."""
        maps = [x for canvas, layout in zip(canvases, layouts) for x in from_canvas(canvas, layout)]
        for convolution, norms in zip(self.convolutions, self.norms):
            assert isinstance(norms, nn.ModuleList)
            maps = [self._layer(convolution, norm, x) for norm, x in zip(norms, maps)]
        remaining = iter(maps)
        return [to_canvas([next(remaining) for _ in layout.sizes], layout) for layout in layouts]

    def _layer(self, convolution: nn.Module, norm: nn.Module, x: Tensor) -> Tensor:
        if isinstance(convolution, WinogradConv) and isinstance(norm, FoldedBatchNorm):
            y: Tensor = convolution(x, norm.scale, norm.shift, self.activation)
            return y
        return activate(norm(convolution(x)), self.activation)


def scale_and_shift(norm: BatchNorm) -> tuple[Tensor, Tensor]:
    """Batch normalisation with its running statistics, written as x * scale + shift: [C] and [C] in float64."""
    scale = norm.weight.detach().double() / (norm.running_var.double() + norm.epsilon).sqrt()
    return scale, norm.bias.detach().double() - norm.running_mean.double() * scale


def frozen(x: Tensor) -> nn.Parameter:
    """A parameter that is not trained; it is channels-last if it is a kernel."""
    x = x.detach()
    return nn.Parameter(x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x, requires_grad=False)


def fold_batch_norm(network: AnyNetwork) -> AnyNetwork:
    """A copy of a network without batch normalisation, for evaluation only; its outputs are the same up to rounding.

    A convolution takes in the normalisation that follows it. A convolution in a head is shared by levels, each of which
    has its own normalisation; there a factor and a summand remain.
    """
    folded = copy.deepcopy(network).eval().requires_grad_(False)
    _replace(folded, _fold)
    folded.folded = True
    return folded


def optimise(network: AnyNetwork, compile: bool = True) -> AnyNetwork:
    """A fast copy of a network for inference; its outputs are the plain ones within 1e-4.

    Batch normalisation is folded. On a CPU in float32, kernels are laid out in advance (:class:`PrepackedConv`), large
    3x3 convolutions need fewer multiplications (:class:`WinogradConv`), and the process keeps freed memory
    (:func:`keep_freed_memory`). On CUDA the backbone is compiled once for each image size. Call the copy under
    ``torch.no_grad()``.

    Args:
        compile: whether to use ``torch.compile``. It needs a C++ compiler, and the first call takes some seconds; where
            there is no compiler, the first call on a CPU raises :class:`ConfigError`. Without it no
            :class:`WinogradConv` is used.
    """
    fast = fold_batch_norm(network)
    parameter = next(fast.parameters())
    if parameter.device.type != "cpu":
        if compile:
            fast.backbone.compile(dynamic=False)
    elif parameter.dtype == torch.float32 and torch.backends.mkldnn.is_available():
        keep_freed_memory()
        if compile:
            _replace(fast, _with_fewer_multiplications)
        _replace(fast, _with_prepacked)
    return fast


def _fold(module: nn.Module) -> nn.Module | None:
    if isinstance(module, ConvNorm):
        return FoldedConvNorm(module)
    return FoldedBatchNorm(module) if isinstance(module, BatchNorm) else None


def _with_fewer_multiplications(module: nn.Module) -> nn.Module | None:
    if isinstance(module, Tower):
        tower = LevelwiseTower(module)
        _replace(tower, _with_fewer_multiplications)
        return tower
    if not isinstance(module, nn.Conv2d):
        return None
    shape = (module.kernel_size, module.stride, module.padding, module.dilation, module.groups)
    fits = shape == ((3, 3), (1, 1), (1, 1), (1, 1), 1)
    wide = min(module.in_channels, module.out_channels) >= WINOGRAD_CHANNELS
    return WinogradConv(module.weight.detach(), module.bias) if fits and wide else None


def _with_prepacked(module: nn.Module) -> nn.Module | None:
    if isinstance(module, FoldedConvNorm) and isinstance(module.convolution, nn.Conv2d):
        module.convolution = _prepacked(module.convolution, module.activation or "none")
        module.activation = None
    return _prepacked(module, "none") if isinstance(module, nn.Conv2d) else None


def _prepacked(convolution: nn.Conv2d, activation: str) -> PrepackedConv:
    stride, padding = convolution.stride[0], convolution.padding[0]
    assert isinstance(padding, int)
    return PrepackedConv(convolution.weight, convolution.bias, stride, padding, convolution.groups, activation)


def _replace(module: nn.Module, replacement: Callable[[nn.Module], nn.Module | None]) -> None:
    """Replace, in place, each submodule for which ``replacement`` returns another; outer modules come first."""
    for name, child in list(module.named_children()):
        new = replacement(child)
        if new is None:
            _replace(child, replacement)
        else:
            module.add_module(name, new)
