"""What a training is given beside its protocol, and what it tells while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from nas.training.checkpoint import Progress


@dataclass(frozen=True, slots=True)
class Setup:
    """What a training is given beside its protocol.

    Attributes:
        seed: of the order, the variation and whatever a step draws.
        device: where it computes.
        precision: one of :data:`nas.training.accumulate.PRECISIONS`.
        compiled: whether the network is compiled first (``torch.compile``).
        hours: it ends in so much time, its learning rate decayed; None: by the protocol alone.
        patience: it ends after so many validations without a gain; None: never for that reason.
        minutes: between two checkpoints at most.
        about: what a checkpoint says of the training.
    """

    seed: int
    device: torch.device
    precision: str = "float32"
    compiled: bool = False
    hours: float | None = None
    patience: int | None = None
    minutes: float = 10.0
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stepped:
    """A step was made.

    Attributes:
        progress: after it.
        losses: of its batch, before it, by term.
        learning_rate: with which it was made.
        seconds: that it took.
    """

    progress: Progress
    losses: Mapping[str, float]
    learning_rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Validated:
    """The weights were measured; ``metrics`` by name, ``seconds`` that it took, ``is_best`` if none was better."""

    progress: Progress
    metrics: Mapping[str, float]
    seconds: float
    is_best: bool


Event = Stepped | Validated
