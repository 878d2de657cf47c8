"""The proxy of the paper: train a small detector for a short while, report its AP on reserved training images."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch

from nas.datasets.dataset import DetectionData, Split, reserve
from nas.datasets.registry import open_data
from nas.detectors import build_detector, cost, keep_freed_memory
from nas.detectors.backbones import FAMILIES
from nas.detectors.devices import device_name, find_device
from nas.evaluation import evaluate
from nas.training.input import batches
from nas.training.loop import train
from nas.training.recipe import DEVICE_DEFAULTS, Recipe, known
from proxies.base import Budget, Measurement, Proxy
from search_spaces.architecture import Architecture
from search_spaces.block import MAX_BLOCK_LEVEL, MIN_BLOCK_LEVEL
from search_spaces.errors import first_line
from search_spaces.settings import at_least
from search_spaces.vocabulary import SPINENET


@dataclass(frozen=True, slots=True)
class ProxySettings(Recipe):
    """A recipe, what it is trained and measured on, and where.

    Attributes:
        data: ``kind`` and the settings of the data set, see :func:`nas.datasets.registry.open_data`.
        cache_dir: where decoded images are kept; None means the user's cache folder.
        reserved_images: training images reserved for measuring AP; None means min(7392, a quarter of the split).
        reserve_seed: which ones are reserved.
        device: as in :func:`nas.detectors.devices.find_device`.
    """

    data: Mapping[str, Any] = field(default_factory=lambda: {"kind": "synthetic"})
    cache_dir: str | None = None
    reserved_images: int | None = None
    reserve_seed: int = 0
    device: str = "auto"

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        at_least("reserve_seed", self.reserve_seed, 0)


class DetectionProxy(Proxy):
    """Trains the architecture's small detector from scratch and measures COCO AP (SpineNet, section 5.1)."""

    def __init__(self, settings: ProxySettings) -> None:
        self.device = find_device(settings.device, "proxy.device")
        self.settings = settings.resolve(self.device)
        FAMILIES[SPINENET].check_widths(range(MIN_BLOCK_LEVEL, MAX_BLOCK_LEVEL + 1), self.settings.scaling)

    def prepare(self) -> None:
        """Check the data set and fill its cache, reserve the images; faults of the data are raised here."""
        self.open()

    def fingerprint(self) -> str:
        """The data set's fingerprint, at this image size."""
        return self.open()[0].fingerprint

    def resolved(self) -> dict[str, Any]:
        """The settings that depend on the device, and the device."""
        chosen = {name: getattr(self.settings, name) for name in DEVICE_DEFAULTS["cpu"]}
        return {**chosen, "device": self.device.type if self.settings.device == "auto" else self.settings.device}

    def longer(self, factor: float) -> DetectionProxy:
        """The same with ``factor`` times the steps or epochs; the schedule is stretched with them."""
        if factor == 1:
            return self
        recipe = self.settings
        if recipe.epochs is not None:
            return DetectionProxy(replace(recipe, epochs=recipe.epochs * factor))
        return DetectionProxy(replace(recipe, steps=round(known("steps", recipe.steps) * factor)))

    def check(self, architecture: Architecture) -> None:
        """Build the detector without memory for its weights, for images of this size."""
        with torch.device("meta"):
            detector = build_detector(architecture, self.settings.scaling)
        cost(detector, known("image_size", self.settings.image_size))

    def evaluate(self, architecture: Architecture, seed: int) -> Measurement:
        """Build, train and evaluate; ``seed`` decides the initial weights.

        A loss that is not finite, memory that runs out and errors of PyTorch give a measurement with ``error``; a
        device that has failed as a whole raises, since it is not the architecture's fault.
        """
        if self.device.type == "cpu":
            keep_freed_memory()
        data, split = self.open()
        outcome = _Outcome(self._budget(split))
        try:
            self._measure(outcome, architecture, seed, data, split)
        except (torch.OutOfMemoryError, MemoryError) as error:
            outcome.error = f"out of memory in phase {outcome.phase}: {first_line(error)}"
        except torch.AcceleratorError:
            raise
        except RuntimeError as error:
            outcome.error = f"{type(error).__name__} in phase {outcome.phase}: {first_line(error)}"
        if outcome.error is not None and self.device.type == "cuda":
            torch.cuda.empty_cache()
        return outcome.measurement(self.device)

    def _measure(
        self, outcome: _Outcome, architecture: Architecture, seed: int, data: DetectionData, split: Split
    ) -> None:
        recipe, budget = self.settings, outcome.budget
        with outcome.timed("build"):
            torch.manual_seed(seed)
            detector = build_detector(architecture, recipe.scaling, classes=len(data.class_names) + 1).to(self.device)
            price = cost(detector, budget.image_size)
            outcome.params, outcome.multiply_adds = price.params_trainable, price.multiply_adds
        with outcome.timed("train"):
            stream = batches(
                data,
                split.train,
                budget.batch_size,
                recipe.augment,
                recipe.order_seed,
                self.device,
                masks=detector.needs_masks,
            )
            result = train(detector, stream, recipe.schedule_for(len(split.train)), recipe.optimiser)
        if result.diverged:
            outcome.diverged = True
            outcome.error = f"the loss was not finite at step {len(result.losses)} of {budget.steps}"
            return
        with outcome.timed("evaluate"):
            outcome.metrics = evaluate(detector, data, split.reserved, recipe.eval_batch_size, recipe.detection)
        if not 0 <= (ap := outcome.metrics["ap"]) <= 1:  # -1 is COCO's word for "not measured"; NaN is no AP either
            outcome.error = (
                f"AP could not be measured: the evaluation gave {ap:g} for the {len(split.reserved)} reserved images, "
                f"as it does when none of their objects counts"
            )

    def open(self) -> tuple[DetectionData, Split]:
        """The data set and its reserved images; opened once per process, however many trials it runs."""
        settings = self.settings
        data, image_size = json.dumps(dict(settings.data), sort_keys=True), known("image_size", settings.image_size)
        return _open_once(data, image_size, settings.cache_dir, settings.reserved_images, settings.reserve_seed)

    def _budget(self, split: Split) -> Budget:
        recipe, images = self.settings, len(split.train)
        image_size, batch_size = known("image_size", recipe.image_size), known("batch_size", recipe.batch_size)
        return Budget(image_size, batch_size, recipe.steps_for(images), images, len(split.reserved))


@dataclass(slots=True)
class _Outcome:
    """What is known of an evaluation so far; an error may end it in any phase."""

    budget: Budget
    phase: str = ""
    params: int = 0
    multiply_adds: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    diverged: bool = False
    error: str | None = None

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        self.phase = phase
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[phase] = time.perf_counter() - started

    def measurement(self, device: torch.device) -> Measurement:
        return Measurement(
            ap=None if self.error is not None else self.metrics["ap"],
            metrics=self.metrics,
            params=self.params,
            multiply_adds=self.multiply_adds,
            seconds=self.seconds,
            budget=self.budget,
            diverged=self.diverged,
            error=self.error,
            device=device_name(device),
        )


@lru_cache(maxsize=2)
def _open_once(
    data: str, image_size: int, cache_dir: str | None, reserved_images: int | None, reserve_seed: int
) -> tuple[DetectionData, Split]:
    """The data set and its reserved images; kept, so that all trials of a process share one memory map."""
    opened = open_data(json.loads(data), image_size, cache_dir)
    return opened, reserve(opened, reserved_images, reserve_seed)
