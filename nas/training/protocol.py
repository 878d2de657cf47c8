"""How a detector is trained that one relies on, in one frozen value; ``nas/conf/protocol`` has the shipped ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from math import ceil
from types import MappingProxyType
from typing import Any

from nas.datasets.augment import AugmentSettings
from nas.detectors import DetectionSettings, Scaling
from nas.training.dropblock import DropBlockSettings
from nas.training.optimiser import OptimiserSettings
from nas.training.schedule import Schedule
from search_spaces.errors import ConfigError, suggestion
from search_spaces.kinds import Kind
from search_spaces.settings import SettingError, at_least, integer, positive

PROTOCOLS: Mapping[str, Kind] = {"training": Kind("nas.training.protocol:Protocol")}
"""Kind -> its settings, which are the protocol itself."""

SCALING_NAMES = tuple(one.name for one in fields(Scaling))
LONGEST_WARM_UP = 0.1
"""Of all steps: a training that is much shorter than its protocol warms up for a tenth of it at most."""


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a detector is trained (SpineNet, section 5.1, and the released configurations).

    Attributes:
        image_size: side of the square images in pixels.
        epochs: passes over the training images.
        most_steps: the training ends after so many steps at the latest; None for no such end.
        batch: images per optimiser step, over all processes and all parts that a process reads one after another.
        learning_rate: after warm-up, for ``reference_batch`` images a step.
        reference_batch: with another ``batch`` the learning rate is scaled in proportion (Goyal et al. 2017).
        schedule, decay_at, warmup_steps, warmup_start: see :class:`nas.training.schedule.Schedule`.
        optimiser: how gradients become steps, and the moving average of the weights.
        augment: how training images are varied.
        most_objects: the most objects of an image that are trained on, drawn anew each time (the TPU release's 100);
            memory grows with it.
        dropblock: which positions of the features are dropped.
        detection: what counts as a detection in a validation.
        validations: how many, evenly over the training; the last is at its end.
        eval_batch_size: images per batch of a validation.
        statistics_images: training images on which the statistics of batch normalisation are estimated anew for each
            validation; 0 takes the running ones.
        scaling: settings of :class:`nas.detectors.Scaling` for a detector that is built from an architecture; None, or
            left out: those of the name or of the architecture's family. Weights bring their own.

    Raises:
        ConfigError: a value has the wrong type or is out of range.
    """

    image_size: int = 640
    epochs: float = 350
    most_steps: int | None = None
    batch: int = 256
    learning_rate: float = 0.28
    reference_batch: int = 256
    schedule: str = "step"
    decay_at: tuple[float, ...] = (320 / 350, 340 / 350)
    warmup_steps: int = 2000
    warmup_start: float = 0.0067 / 0.28
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    most_objects: int = 100
    dropblock: DropBlockSettings = field(default_factory=DropBlockSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)
    validations: int = 35
    eval_batch_size: int = 16
    statistics_images: int = 0
    scaling: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("image_size", "batch", "reference_batch", "most_objects", "eval_batch_size", "validations"):
            integer(name, getattr(self, name), 1)
        positive("epochs", self.epochs)
        if self.most_steps is not None:
            integer("most_steps", self.most_steps, 1)
        at_least("statistics_images", self.statistics_images, 0)
        for name in self.scaling:
            if name not in SCALING_NAMES:
                raise SettingError(
                    f"scaling.{name}",
                    f"is unknown{suggestion(name, SCALING_NAMES)}; there are: {', '.join(SCALING_NAMES)}.",
                )
        given = {name: value for name, value in self.scaling.items() if value is not None}
        object.__setattr__(self, "scaling", MappingProxyType(given))
        object.__setattr__(self, "decay_at", tuple(self.decay_at))
        Scaling(**given)
        self.schedule_of(1)

    def steps(self, images: int) -> int:
        """Optimiser steps with this many training images."""
        steps = max(1, ceil(self.epochs * images / self.batch))
        return steps if self.most_steps is None else min(steps, self.most_steps)

    def schedule_of(self, steps: int) -> Schedule:
        """The learning rate of each of so many steps.

        Raises:
            ConfigError: a setting of the schedule is out of range.
        """
        return Schedule(
            learning_rate=self.scaled_rate,
            steps=steps,
            kind=self.schedule,
            warmup_steps=min(self.warmup_steps, ceil(LONGEST_WARM_UP * steps)),
            warmup_start=self.warmup_start,
            decay_at=self.decay_at,
        )

    @property
    def scaled_rate(self) -> float:
        """The learning rate after warm-up, for the protocol's own batch."""
        return self.learning_rate * self.batch / self.reference_batch


def check_shares(batch: int, processes: int) -> None:
    """Check that a step's images can be shared by so many processes.

    Raises:
        ConfigError: they cannot, in equal parts.
    """
    if batch % processes:
        raise ConfigError(
            f"protocol.batch is {batch} and {processes} processes train; it must be a multiple of their number."
        )
