"""The proxy of the paper: train a small detector for a short while, report its AP on reserved training images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Self

import torch

from nas.datasets.augment import read_images
from nas.datasets.dataset import DetectionData, Split
from nas.datasets.dropped import Dropped
from nas.detectors import Network
from nas.detectors.backbones import FAMILIES
from nas.detectors.devices import find_device
from nas.evaluation import evaluate
from nas.training.input import batches
from nas.training.loop import TrainingResult, mean_of_last, train_in_stages
from nas.training.recipe import DEVICE_DEFAULTS, Recipe, known
from nas.training.statistics import estimate_statistics, image_batches
from proxies.base import Budget, Measurement, Proxy, Rehearsal
from proxies.images import image_bytes, open_images
from proxies.outcome import Outcome, check_builds
from proxies.rehearsal import extrapolate
from search_spaces.architecture import Architecture
from search_spaces.block import MAX_BLOCK_LEVEL, MIN_BLOCK_LEVEL
from search_spaces.settings import at_least, boolean
from search_spaces.vocabulary import SPINENET

WARM_UP_STEPS, TIMED_STEPS, TIMED_BATCHES = 5, 20, 8
"""What :meth:`DetectionProxy.rehearse` does: steps to warm up, steps that count, batches of images to detect in."""


@dataclass(frozen=True, slots=True)
class ProxySettings(Recipe):
    """A recipe, what it is trained and measured on, and where.

    Attributes:
        data: ``kind`` and the settings of the data set, see :func:`nas.datasets.registry.open_data`.
        cache_dir: where decoded images are kept; None means the user's cache folder.
        reserved_images: training images reserved for measuring AP; None means min(7392, a quarter of the split).
        reserve_seed: which ones are reserved.
        device: as in :func:`nas.detectors.devices.find_device`.
        compare_statistics: whether AP is also measured before the statistics of batch normalisation are estimated anew;
            it is then the metric ``ap_running_statistics``.
    """

    data: Mapping[str, Any] = field(default_factory=lambda: {"kind": "synthetic"})
    cache_dir: str | None = None
    reserved_images: int | None = None
    reserve_seed: int = 0
    device: str = "auto"
    compare_statistics: bool = False

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        at_least("reserve_seed", self.reserve_seed, 0)
        boolean("compare_statistics", self.compare_statistics)


class DetectionProxy(Proxy):
    """Trains the architecture's small detector from scratch and measures COCO AP (SpineNet, section 5.1)."""

    def __init__(self, settings: ProxySettings, most_reserved: int | None = None) -> None:
        """Check the settings.

        Args:
            settings: see :class:`ProxySettings`.
            most_reserved: AP is measured on that many of the reserved images at most; None for all of them.

        Raises:
            ConfigError: a setting does not go with the device or the space.
        """
        self._most_reserved = most_reserved
        self.device = find_device(settings.device, "proxy.device")
        self.settings = settings.resolve(self.device)
        FAMILIES[SPINENET].check_widths(range(MIN_BLOCK_LEVEL, MAX_BLOCK_LEVEL + 1), self.settings.scaling)

    def prepare(self) -> None:
        """Check the data set and fill its cache, reserve the images; faults of the data are raised here."""
        self.open()

    def fingerprint(self) -> str:
        """The data set's fingerprint, at this image size."""
        return self.open()[0].fingerprint

    def dropped(self) -> Dropped | None:
        """What was left out of the data set for its faults; None where nothing was."""
        return self.open()[0].dropped

    def resolved(self) -> dict[str, Any]:
        """The settings that depend on the device, and the device."""
        chosen = {name: getattr(self.settings, name) for name in DEVICE_DEFAULTS["cpu"]}
        return {**chosen, "device": self.device.type if self.settings.device == "auto" else self.settings.device}

    def longer(self, factor: float) -> Self:
        """The same with ``factor`` times the steps or epochs; the schedule is stretched with them."""
        if factor == 1:
            return self
        recipe = self.settings
        if recipe.epochs is not None:
            return type(self)(replace(recipe, epochs=recipe.epochs * factor))
        return type(self)(replace(recipe, steps=round(known("steps", recipe.steps) * factor)))

    def check(self, architecture: Architecture) -> None:
        """Build the detector without memory for its weights, for images of this size."""
        check_builds(architecture, self.settings.scaling, known("image_size", self.settings.image_size))

    def training_steps(self) -> int:
        """Optimiser steps on the images that are not reserved."""
        return self._budget(self.open()[1]).steps

    def evaluate(self, architecture: Architecture, seed: int) -> Measurement:
        """Build, train and evaluate; ``seed`` decides the initial weights. For errors see :meth:`Outcome.stages`."""
        return next(self.stages(architecture, seed, rungs=()))

    def stages(self, architecture: Architecture, seed: int, rungs: Sequence[int]) -> Iterator[Measurement]:
        """The same, halted at each of the rungs to evaluate the weights that training would end with there."""
        data, split = self.open()
        outcome = Outcome(self.device, self._budget(split))
        return outcome.stages(self._measure(outcome, architecture, seed, data, split, rungs))

    def _measure(
        self,
        outcome: Outcome,
        architecture: Architecture,
        seed: int,
        data: DetectionData,
        split: Split,
        rungs: Sequence[int],
    ) -> Iterator[int]:
        """Bring the outcome to each of the rungs, which are given back there, and to the end."""
        budget = outcome.budget
        detector = outcome.build(architecture, self.settings.scaling, len(data.class_names) + 1, seed)
        with outcome.timed("train"):
            training = self._train(outcome, detector, data, split, rungs)
        for steps in (*rungs, budget.steps):
            with outcome.timed("train"):
                result, trained = next(training)
            if result.diverged:
                outcome.diverged = True
                outcome.error = f"the loss was not finite at step {len(result.losses)} of {budget.steps}"
                return
            with same_random_state(self.device):
                self._judge(outcome, trained, result.losses, data, split)
            if outcome.error is not None:
                return
            if steps < budget.steps:
                yield steps

    def _train(
        self, outcome: Outcome, detector: Network, data: DetectionData, split: Split, rungs: Sequence[int]
    ) -> Iterator[tuple[TrainingResult, Network]]:
        recipe = self.settings
        stream = batches(
            data,
            split.train,
            outcome.budget.batch_size,
            recipe.augment,
            recipe.order_seed,
            self.device,
            masks=detector.needs_masks,
        )
        schedule = recipe.schedule_for(len(split.train))
        return train_in_stages(detector, outcome.reading(stream), schedule, recipe.optimiser, rungs)

    def _judge(
        self, outcome: Outcome, detector: Network, losses: Sequence[float], data: DetectionData, split: Split
    ) -> None:
        """Put into the outcome what a trained detector is worth; ``losses`` are those of its training, in order."""
        outcome.metrics["train_loss"] = mean_of_last(losses)
        with outcome.timed("evaluate"):
            self._evaluate(outcome, detector, data, split)
        outcome.ap = outcome.metrics["ap"]
        if not 0 <= outcome.ap <= 1:  # -1 is COCO's word for "not measured"; NaN is no AP either
            outcome.error = (
                f"AP could not be measured: the evaluation gave {outcome.ap:g} for the {len(split.reserved)} reserved "
                f"images, as it does when none of their objects counts"
            )

    def _evaluate(self, outcome: Outcome, detector: Network, data: DetectionData, split: Split) -> None:
        recipe = self.settings
        read = outcome.timed("data")(read_images)
        measured = partial(
            evaluate, detector, data, split.reserved, recipe.eval_batch_size, recipe.detection, read=read
        )
        if recipe.compare_statistics:
            outcome.metrics["ap_running_statistics"] = measured()["ap"]
        images, batch_size = recipe.statistics_images, recipe.statistics_batch_size
        if images:
            with outcome.timed("statistics"):
                stream = image_batches(data, split.train, images, batch_size, recipe.order_seed, self.device)
                estimate_statistics(detector, outcome.reading(stream))
        outcome.metrics.update(measured())

    def rehearse(self, architecture: Architecture, seed: int) -> Rehearsal:
        """Train for a few steps and evaluate on a few images, after a still shorter evaluation for warming up."""
        whole = self._budget(self.open()[1])
        self._shortened(WARM_UP_STEPS, 1).evaluate(architecture, seed)
        part = self._shortened(min(TIMED_STEPS, whole.steps), TIMED_BATCHES).evaluate(architecture, seed)
        if "evaluate" in part.seconds:
            part = replace(part, error=None)  # no object of the few images may have counted, which is no failure here
        statistics, twice = min(self.settings.statistics_images, whole.train_images), self.settings.compare_statistics
        return extrapolate(part, whole, statistics, evaluations=2 if twice else 1)

    def _shortened(self, steps: int, eval_batches: int) -> DetectionProxy:
        settings = replace(self.settings, steps=steps, epochs=None)
        return DetectionProxy(settings, most_reserved=eval_batches * settings.eval_batch_size)

    def cache_bytes(self) -> int:
        """The size of the decoded images."""
        return image_bytes(self.open()[0])

    def open(self) -> tuple[DetectionData, Split]:
        """The data set and its reserved images; opened once per process, however many trials it runs."""
        settings, image_size = self.settings, known("image_size", self.settings.image_size)
        opened = open_images(
            settings.data, image_size, settings.cache_dir, settings.reserved_images, settings.reserve_seed
        )
        if self._most_reserved is None:
            return opened
        data, split = opened
        return data, replace(split, reserved=split.reserved[: self._most_reserved])

    def _budget(self, split: Split) -> Budget:
        recipe, images = self.settings, len(split.train)
        image_size, batch_size = known("image_size", recipe.image_size), known("batch_size", recipe.batch_size)
        return Budget(image_size, batch_size, recipe.steps_for(images), images, len(split.reserved))


@contextmanager
def same_random_state(device: torch.device) -> Iterator[None]:
    """Whatever is drawn from PyTorch's generators in the block, they are as before at its end."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
