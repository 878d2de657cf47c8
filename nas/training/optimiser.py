"""From gradients to steps: the optimiser, which weights decay, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from search_spaces.settings import at_least, one_of, positive, within

OPTIMISERS = ("sgd", "adamw")


@dataclass(frozen=True, slots=True)
class OptimiserSettings:
    """How gradients become steps.

    Attributes:
        kind: ``"sgd"``, the paper's, or ``"adamw"``, which gets further in a few hundred steps.
        momentum: of the gradient (Adam's first beta).
        second_momentum: of the squared gradient (Adam's second beta); SGD has none.
        weight_decay: on convolution kernels only, not on biases or batch normalisation; AdamW's is decoupled.
        clip_norm: longest allowed gradient over all parameters; None does not clip.
        ema_decay: the trained weights are their exponential moving average with this decay; None takes the last ones.
    """

    kind: str = "sgd"
    momentum: float = 0.9
    second_momentum: float = 0.99
    weight_decay: float = 4e-5
    clip_norm: float | None = 10.0
    ema_decay: float | None = None

    def __post_init__(self) -> None:
        one_of("kind", self.kind, OPTIMISERS)
        within("momentum", self.momentum, 0, 1, "[)")
        within("second_momentum", self.second_momentum, 0, 1, "[)")
        at_least("weight_decay", self.weight_decay, 0)
        if self.clip_norm is not None:
            positive("clip_norm", self.clip_norm)
        if self.ema_decay is not None:
            within("ema_decay", self.ema_decay, 0, 1, "()")


def build_optimiser(detector: nn.Module, settings: OptimiserSettings) -> torch.optim.Optimizer:
    """The optimiser of a detector's weights; its learning rate is 0 until a schedule sets it."""
    kernels = [parameter for parameter in detector.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in detector.parameters() if parameter.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if settings.kind == "adamw":
        return torch.optim.AdamW(groups, lr=0.0, betas=(settings.momentum, settings.second_momentum), fused=True)
    return torch.optim.SGD(groups, lr=0.0, momentum=settings.momentum, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Let all weights learn at this rate from now on."""
    for group in optimiser.param_groups:
        group["lr"] = rate


def build_average(detector: nn.Module, decay: float | None, ramped: bool = False) -> AveragedModel | None:
    """The moving average of the weights and of the statistics of batch normalisation; None when ``decay`` is None.

    Args:
        ramped: the decay after t steps is (1 + t) / (10 + t) at most, so that a long average forgets the random
            beginning (the rule of TensorFlow's ``ExponentialMovingAverage``).
    """
    if decay is None:
        return None
    rule = _ramped_average(decay) if ramped else get_ema_multi_avg_fn(decay)
    return AveragedModel(detector, multi_avg_fn=rule, use_buffers=True)


def _ramped_average(decay: float) -> Callable[[Sequence[Tensor], Sequence[Tensor], Tensor | int], None]:
    @torch.no_grad()
    def update(averaged: Sequence[Tensor], current: Sequence[Tensor], count: Tensor | int) -> None:
        share = min(decay, (1 + int(count)) / (10 + int(count)))
        for own, new in zip(averaged, current):
            own.lerp_(new, 1 - share)

    return update
