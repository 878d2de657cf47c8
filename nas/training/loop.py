"""The training loop: batches in, a trained network out."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from nas.detectors import Network
from nas.detectors.fused import fused_operators
from nas.training.flat import FlatWeights, flat_weights
from nas.training.optimiser import OptimiserSettings, build_average, build_optimiser, set_learning_rate
from nas.training.schedule import Schedule
from nas.training.step import Batch, make_step

_STEPS_BETWEEN_CHECKS = 10


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
    network: Network, batches: Iterable[Batch], schedule: Schedule, settings: OptimiserSettings
) -> TrainingResult:
    """Train for ``schedule.steps`` steps, or until the batches end or the loss is not finite."""
    ((result, _),) = train_in_stages(network, batches, schedule, settings, rungs=())
    return result


def train_in_stages(
    network: Network, batches: Iterable[Batch], schedule: Schedule, settings: OptimiserSettings, rungs: Sequence[int]
) -> Iterator[tuple[TrainingResult, Network]]:
    """The same training, halted after each of the rungs; it goes on as if it had not halted.

    The loss is looked at every few steps, so a device that works ahead of Python is not held up at each.

    Args:
        rungs: steps, fewer than those of the schedule.

    Yields:
        at each rung the result so far and a copy of the network with the weights that a training which ends there
        leaves; at last the whole result and the network itself, trained.
    """
    network.train()
    losses: list[Tensor] = []
    with flat_weights(network) as weights, fused_operators(network):
        optimiser = build_optimiser(weights, settings)
        average = build_average(weights, settings.ema_decay)
        for step, batch in zip(range(schedule.steps), batches):
            set_learning_rate(optimiser, schedule.rate(step))
            losses.append(make_step(network, optimiser, batch, settings.clip_norm))
            if average is not None:
                average.update_parameters(weights)
            if (step + 1) % _STEPS_BETWEEN_CHECKS == 0 and not math.isfinite(losses[-1].item()):
                break
            if step + 1 in rungs:
                yield _result(losses), _copy(network, weights, average)
        if average is not None:
            weights.load_state_dict(average.module.state_dict())
    yield _result(losses), network


def _result(losses: Sequence[Tensor]) -> TrainingResult:
    values = tuple(torch.stack(list(losses)).tolist()) if losses else ()
    return TrainingResult(values, diverged=not all(map(math.isfinite, values)))


def _copy(network: Network, weights: FlatWeights, average: AveragedModel | None) -> Network:
    """A copy of the network, with the average where there is one; the network itself stays as it is."""
    if average is None:
        return copy.deepcopy(network)
    kept = copy.deepcopy(weights.state_dict())
    weights.load_state_dict(average.module.state_dict())
    copied = copy.deepcopy(network)
    weights.load_state_dict(kept)
    return copied


def mean_of_last(losses: Sequence[float], share: float = 0.1) -> float:
    """The mean of the last ``share`` of the losses, of one at least; lower is better."""
    last = losses[-max(1, round(share * len(losses))) :]
    return sum(last) / len(last)
