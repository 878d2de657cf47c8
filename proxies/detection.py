"""The proxy of the paper: train a small detector for a short while, report its AP on reserved training images."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch

from nas.datasets.augment import AugmentSettings
from nas.datasets.dataset import DetectionData, Split, reserve
from nas.datasets.registry import open_data
from nas.detectors import PROXY, DetectionSettings, Scaling, build_detector, cost, keep_freed_memory
from nas.evaluation import evaluate
from nas.training.input import batches
from nas.training.loop import OptimiserSettings, train
from nas.training.schedule import Schedule
from proxies.base import Budget, Measurement, Proxy
from search_spaces.architecture import MAX_BLOCK_LEVEL, MIN_BLOCK_LEVEL, Architecture
from search_spaces.errors import ConfigError
from search_spaces.settings import build_settings

DEVICE_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "cpu": {"image_size": 96, "batch_size": 8, "steps": 500, "learning_rate": 0.003},
    "cuda": {"image_size": 256, "batch_size": 32, "steps": 1000, "learning_rate": 0.003},
}
"""What None becomes on a kind of device: a CPU core works through few small images, a GPU through larger ones."""


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """What is trained, on what, for how long. None in the first group: what suits the device (``DEVICE_DEFAULTS``).

    Attributes:
        image_size: side of the square images in pixels.
        batch_size: images per step.
        steps: optimiser steps; exclusive with ``epochs``.
        learning_rate: after warm-up.
        epochs: passes over the training images, in place of ``steps``.
        data: ``kind`` and the settings of the data set, see :func:`nas.datasets.registry.open_data`.
        cache_dir: where decoded images are kept; None means the user's cache folder.
        reserved_images: training images reserved for measuring AP; None means min(7392, a quarter of the split).
        reserve_seed: which ones are reserved.
        order_seed: the order of the training images and their augmentation. It is the same for every trial: what an
            order happens to be worth then falls on all architectures alike.
        eval_batch_size: images per batch of the evaluation.
        device: ``"auto"`` (CUDA when there is one), or a PyTorch device.
        schedule, warmup_steps, warmup_start: see :class:`nas.training.schedule.Schedule`.
        scaling: fields of :class:`nas.detectors.Scaling` that differ from the paper's proxy (``PROXY``).
        optimiser: fields of :class:`nas.training.loop.OptimiserSettings`.
        augment: fields of :class:`nas.datasets.augment.AugmentSettings`.
        detection: fields of :class:`nas.detectors.DetectionSettings`.
    """

    image_size: int | None = None
    batch_size: int | None = None
    steps: int | None = None
    learning_rate: float | None = None
    epochs: float | None = None
    data: Mapping[str, Any] = field(default_factory=lambda: {"kind": "synthetic"})
    cache_dir: str | None = None
    reserved_images: int | None = None
    reserve_seed: int = 0
    order_seed: int = 0
    eval_batch_size: int = 32
    device: str = "auto"
    schedule: str = "cosine"
    warmup_steps: int = 20
    warmup_start: float = 0.1
    scaling: Mapping[str, Any] = field(default_factory=dict)
    optimiser: Mapping[str, Any] = field(default_factory=dict)
    augment: Mapping[str, Any] = field(default_factory=dict)
    detection: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("image_size", "batch_size", "steps", "epochs", "eval_batch_size", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"proxy setting {name} is {value}; it must be positive.")
        for name in ("reserve_seed", "order_seed"):
            if getattr(self, name) < 0:
                raise ConfigError(f"proxy setting {name} is {getattr(self, name)}; it must not be negative.")
        if self.steps is not None and self.epochs is not None:
            raise ConfigError(
                f"proxy settings steps ({self.steps}) and epochs ({self.epochs}) exclude each other; set one to null."
            )


class DetectionProxy(Proxy):
    """Trains the architecture's small detector from scratch and measures COCO AP (SpineNet, section 5.1)."""

    def __init__(self, settings: ProxySettings) -> None:
        self.device = _find_device(settings.device)
        self.settings = resolve(settings, self.device.type)
        self.scaling = build_settings(Scaling, {**asdict(PROXY), **settings.scaling}, "proxy.scaling")
        self.scaling.check_widths(set(range(MIN_BLOCK_LEVEL, MAX_BLOCK_LEVEL + 1)), "spinenet")
        self.optimiser = build_settings(OptimiserSettings, settings.optimiser, "proxy.optimiser")
        self.augment = build_settings(AugmentSettings, settings.augment, "proxy.augment")
        self.detection = build_settings(DetectionSettings, settings.detection, "proxy.detection")
        self._schedule(self.settings.steps or 1)  # says now what is wrong with it

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
            outcome.error = f"out of memory in phase {outcome.phase}: {_first_line(error)}"
        except torch.AcceleratorError:
            raise
        except RuntimeError as error:
            outcome.error = f"{type(error).__name__} in phase {outcome.phase}: {_first_line(error)}"
        if outcome.error is not None and self.device.type == "cuda":
            torch.cuda.empty_cache()
        return outcome.measurement(self.device)

    def _measure(
        self, outcome: _Outcome, architecture: Architecture, seed: int, data: DetectionData, split: Split
    ) -> None:
        settings, budget = self.settings, outcome.budget
        with outcome.timed("build"):
            torch.manual_seed(seed)
            detector = build_detector(architecture, self.scaling, classes=len(data.class_names) + 1).to(self.device)
            price = cost(detector, budget.image_size)
            outcome.params, outcome.multiply_adds = price.params_trainable, price.multiply_adds
        with outcome.timed("train"):
            stream = batches(data, split.train, budget.batch_size, self.augment, settings.order_seed, self.device)
            result = train(detector, stream, self._schedule(budget.steps), self.optimiser)
        if result.diverged:
            outcome.diverged = True
            outcome.error = f"the loss was not finite at step {len(result.losses)} of {budget.steps}"
            return
        with outcome.timed("evaluate"):
            outcome.metrics = evaluate(detector, data, split.reserved, settings.eval_batch_size, self.detection)

    def open(self) -> tuple[DetectionData, Split]:
        """The data set and its reserved images; opened once per process, however many trials it runs."""
        settings = self.settings
        data = json.dumps(dict(settings.data), sort_keys=True)
        return _open_once(
            data, settings.image_size or 0, settings.cache_dir, settings.reserved_images, settings.reserve_seed
        )

    def _budget(self, split: Split) -> Budget:
        image_size, batch_size, steps = (
            getattr(self.settings, name) or 0 for name in ("image_size", "batch_size", "steps")
        )
        if self.settings.epochs is not None:
            steps = max(1, round(self.settings.epochs * len(split.train) / batch_size))
        return Budget(image_size, batch_size, steps, len(split.train), len(split.reserved))

    def _schedule(self, steps: int) -> Schedule:
        settings = self.settings
        return Schedule(
            settings.learning_rate or 0.0, steps, settings.schedule, settings.warmup_steps, settings.warmup_start
        )


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
            device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            worker=f"{socket.gethostname()}:{os.getpid()}",
        )


def resolve(settings: ProxySettings, device_type: str) -> ProxySettings:
    """The settings with what suits the device in place of None; ``steps`` stays None when ``epochs`` is set."""
    defaults = DEVICE_DEFAULTS["cuda" if device_type == "cuda" else "cpu"]
    chosen = {name: value for name, value in defaults.items() if getattr(settings, name) is None}
    if settings.epochs is not None:
        chosen.pop("steps", None)
    return replace(settings, **chosen)


@lru_cache(maxsize=2)
def _open_once(
    data: str, image_size: int, cache_dir: str | None, reserved_images: int | None, reserve_seed: int
) -> tuple[DetectionData, Split]:
    """The data set and its reserved images; kept, so that all trials of a process share one memory map."""
    opened = open_data(json.loads(data), image_size, cache_dir)
    return opened, reserve(opened, reserved_images, reserve_seed)


def _find_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"proxy setting device is {name!r}; allowed: auto, cpu, cuda, cuda:0 and so on.") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"proxy setting device is {name!r} and PyTorch finds no CUDA device; allowed here: auto, cpu."
        )
    return device


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
