"""The training loop: batches in, a trained detector out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.detectors import Network
from nas.training.schedule import Schedule
from search_spaces.errors import ConfigError

OPTIMISERS = ("sgd", "adamw")
Batch = tuple[Tensor, Sequence[Mapping[str, Tensor]]]
_STEPS_BETWEEN_CHECKS = 10


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
        if self.kind not in OPTIMISERS:
            raise ConfigError(f"optimiser kind is {self.kind!r}; allowed: {', '.join(OPTIMISERS)}.")
        if not (0 <= self.momentum < 1 and 0 <= self.second_momentum < 1):
            raise ConfigError(
                f"momentum is {self.momentum} and second_momentum {self.second_momentum}; both lie from 0 to below 1."
            )
        if self.weight_decay < 0:
            raise ConfigError(f"weight_decay is {self.weight_decay}; it must not be negative.")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise ConfigError(f"clip_norm is {self.clip_norm}; it must be positive, or null for no clipping.")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ConfigError(f"ema_decay is {self.ema_decay}; it lies between 0 and 1, or is null for none.")


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training gave.

    Attributes:
        losses: the sum of the losses at each step that was made.
        diverged: whether a loss was not finite; training stopped there.
    """

    losses: tuple[float, ...]
    diverged: bool


def train(
    detector: Network, batches: Iterable[Batch], schedule: Schedule, settings: OptimiserSettings
) -> TrainingResult:
    """Train for ``schedule.steps`` steps, or until the batches end or the loss is not finite.

    The loss is looked at every few steps, so a device that works ahead of Python is not held up at each.
    """
    detector.train()
    optimiser = _optimiser(detector, settings)
    average = _average(detector, settings.ema_decay)
    losses: list[Tensor] = []
    for step, (images, targets) in zip(range(schedule.steps), batches):
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate(step)
        loss = torch.stack(list(detector.loss(detector(images), targets).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        if settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(detector.parameters(), settings.clip_norm)
        optimiser.step()
        if average is not None:
            average.update_parameters(detector)
        losses.append(loss.detach())
        if (step + 1) % _STEPS_BETWEEN_CHECKS == 0 and not math.isfinite(losses[-1].item()):
            break
    values = tuple(torch.stack(losses).tolist()) if losses else ()
    if average is not None:
        detector.load_state_dict(average.module.state_dict())
    return TrainingResult(values, diverged=not all(map(math.isfinite, values)))


def _optimiser(detector: nn.Module, settings: OptimiserSettings) -> torch.optim.Optimizer:
    kernels = [parameter for parameter in detector.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in detector.parameters() if parameter.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    # the schedule sets the learning rate before each step
    if settings.kind == "adamw":
        return torch.optim.AdamW(groups, lr=0.0, betas=(settings.momentum, settings.second_momentum), fused=True)
    return torch.optim.SGD(groups, lr=0.0, momentum=settings.momentum, fused=True)


def _average(detector: nn.Module, decay: float | None) -> torch.optim.swa_utils.AveragedModel | None:
    """Moving average of the weights; the statistics of batch normalisation are averaged along with them."""
    if decay is None:
        return None
    return torch.optim.swa_utils.AveragedModel(
        detector, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay), use_buffers=True
    )
