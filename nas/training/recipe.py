"""A training in one frozen value: what is built, on which images, for how long, and how it is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

import torch

from nas.datasets.augment import AugmentSettings
from nas.detectors import PROXY, DetectionSettings, Scaling
from nas.training.optimiser import OptimiserSettings
from nas.training.schedule import Schedule
from search_spaces.errors import ConfigError
from search_spaces.settings import SettingError, at_least, positive

DEVICE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "cpu": {"image_size": 96, "batch_size": 8, "steps": 500, "learning_rate": 0.003},
    "cuda": {"image_size": 256, "batch_size": 32, "steps": 1000, "learning_rate": 0.003},
}
"""What None becomes on a kind of device: a CPU core works through few small images, a GPU through larger ones."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a detector is trained. None in the first group: what suits the device (``DEVICE_DEFAULTS``).

    Attributes:
        image_size: side of the square images in pixels.
        batch_size: images per step.
        steps: optimiser steps; exclusive with ``epochs``.
        learning_rate: after warm-up.
        epochs: passes over the training images, in place of ``steps``.
        order_seed: of the order of the training images and of their augmentation. Trainings of one seed see the same
            images: what an order happens to be worth then falls on all detectors alike.
        eval_batch_size: images per batch of the evaluation.
        statistics_images: training images on which the statistics of batch normalisation are estimated anew after
            training (:mod:`nas.training.statistics`); 0 keeps the running ones.
        statistics_batch_size: images per batch of that.
        schedule, warmup_steps, warmup_start: see :class:`nas.training.schedule.Schedule`.
        scaling: how large the detector is made.
        optimiser: how gradients become steps.
        augment: how training images are varied.
        detection: what counts as a detection in the evaluation.

    Raises:
        ConfigError: a value is out of range, or both ``steps`` and ``epochs`` are given.
    """

    image_size: int | None = None
    batch_size: int | None = None
    steps: int | None = None
    learning_rate: float | None = None
    epochs: float | None = None
    order_seed: int = 0
    eval_batch_size: int = 32
    statistics_images: int = 0
    statistics_batch_size: int = 128
    schedule: str = "cosine"
    warmup_steps: int = 20
    warmup_start: float = 0.1
    scaling: Scaling = PROXY
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    detection: DetectionSettings = field(default_factory=DetectionSettings)

    def __post_init__(self) -> None:
        for name in ("image_size", "batch_size"):
            value = getattr(self, name)
            if value is not None:
                at_least(name, value, 1)
        if self.epochs is not None:
            positive("epochs", self.epochs)
        if self.steps is not None and self.epochs is not None:
            raise SettingError("steps", f"is {self.steps} and epochs is {self.epochs}; one of them must be null.")
        at_least("order_seed", self.order_seed, 0)
        at_least("eval_batch_size", self.eval_batch_size, 1)
        at_least("statistics_images", self.statistics_images, 0)
        at_least("statistics_batch_size", self.statistics_batch_size, 1)
        self._schedule(
            1.0 if self.learning_rate is None else self.learning_rate, 1 if self.steps is None else self.steps
        )

    def resolve(self, device: torch.device) -> Self:
        """The same with what suits the device in place of None; of ``steps`` and ``epochs`` one stays None."""
        defaults = DEVICE_DEFAULTS["cuda" if device.type == "cuda" else "cpu"]
        chosen = {name: value for name, value in defaults.items() if getattr(self, name) is None}
        if self.epochs is not None:
            chosen.pop("steps", None)
        return replace(self, **chosen)

    def steps_for(self, images: int) -> int:
        """Optimiser steps on this many training images.

        Raises:
            ConfigError: the recipe leaves it open.
        """
        if self.epochs is None:
            return known("steps", self.steps)
        return max(1, round(self.epochs * images / known("batch_size", self.batch_size)))

    def schedule_for(self, images: int) -> Schedule:
        """The learning rate of each step on this many training images.

        Raises:
            ConfigError: the recipe leaves it open.
        """
        return self._schedule(known("learning_rate", self.learning_rate), self.steps_for(images))

    def _schedule(self, learning_rate: float, steps: int) -> Schedule:
        return Schedule(learning_rate, steps, self.schedule, self.warmup_steps, self.warmup_start)


def known(name: str, value: Value | None) -> Value:
    """A value that must not be open any more.

    Raises:
        ConfigError: it is None.
    """
    if value is None:
        raise ConfigError(f"recipe setting {name} is null; resolve the recipe for a device, or give a value.")
    return value
