"""What is known of an evaluation so far; an error may end it in any phase."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

import torch

from nas.detectors import Network, build_detector, cost, keep_freed_memory
from nas.detectors.devices import device_name
from nas.detectors.scaling import Scaling
from proxies.base import Budget, Measurement, Score
from search_spaces.architecture import Architecture
from search_spaces.errors import first_line

Read = TypeVar("Read")


def check_builds(architecture: Architecture, scaling: Scaling, image_size: int) -> None:
    """Check, without memory for weights, that an architecture becomes a detector for square images of this size.

    Raises:
        ConfigError: it does not.
    """
    with torch.device("meta"):
        detector = build_detector(architecture, scaling)
    cost(detector, image_size)


@dataclass(slots=True)
class Outcome:
    """The measurement that an evaluation fills in as it goes on.

    Attributes:
        device: what is measured on.
        phase: the one that is under way or that failed, for messages.
        ap, score: read only when there is no error.
        rungs: filled in by :meth:`stages`; the other attributes are those of :class:`proxies.base.Measurement`.
    """

    device: torch.device
    budget: Budget
    phase: str = ""
    ap: float | None = None
    score: Score | None = None
    params: int = 0
    multiply_adds: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    rungs: dict[int, float] = field(default_factory=dict)
    diverged: bool = False
    error: str | None = None

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the block's time to a phase, also where it fails; what a phase within it takes counts there alone."""
        outer, self.phase = self.phase, phase
        started, inner = time.perf_counter(), sum(self.seconds.values())
        try:
            yield
            self.phase = outer
        finally:
            within = sum(self.seconds.values()) - inner
            self.seconds[phase] = self.seconds.get(phase, 0.0) + time.perf_counter() - started - within

    def reading(self, source: Iterator[Read]) -> Iterator[Read]:
        """The same batches; the time for which each is waited for is that of phase ``data``."""
        while True:
            with self.timed("data"):
                batch = next(source, None)
            if batch is None:
                return
            yield batch

    def build(self, architecture: Architecture, scaling: Scaling, classes: int, seed: int) -> Network:
        """Phase ``build``: the detector with initial weights drawn from ``seed``, on the device, and what it costs."""
        with self.timed("build"):
            torch.manual_seed(seed)
            detector = build_detector(architecture, scaling, classes=classes).to(self.device)
            price = cost(detector, self.budget.image_size)
            self.params, self.multiply_adds = price.params_trainable, price.multiply_adds
        return detector

    def filled_by(self, phases: Callable[[], None]) -> Measurement:
        """What is measured when ``phases``, which fill in this outcome, have been run; errors as in :meth:`stages`."""
        with self._errors_as_sentences():
            phases()
        return self._measurement(self.budget.steps)

    def stages(self, phases: Iterator[int]) -> Iterator[Measurement]:
        """What is measured whenever ``phases``, which fill in this outcome, give a number of steps, and at their end.

        A loss that is not finite, memory that runs out and errors of PyTorch give a measurement with ``error``; a
        device that has failed as a whole raises, since it is not the architecture's fault.
        """
        with self._errors_as_sentences():
            for steps in phases:
                measurement = self._measurement(steps)
                if measurement.value is not None:
                    self.rungs[steps] = measurement.value
                yield replace(measurement, rungs=dict(self.rungs))
        yield self._measurement(self.budget.steps)

    @contextmanager
    def _errors_as_sentences(self) -> Iterator[None]:
        if self.device.type == "cpu":
            keep_freed_memory()
        try:
            yield
        except (torch.OutOfMemoryError, MemoryError) as error:
            self.error = f"out of memory in phase {self.phase}: {first_line(error)}"
        except torch.AcceleratorError:
            raise
        except RuntimeError as error:
            self.error = f"{type(error).__name__} in phase {self.phase}: {first_line(error)}"
        if self.error is not None and self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _measurement(self, steps: int) -> Measurement:
        return Measurement(
            ap=None if self.error is not None else self.ap,
            metrics=dict(self.metrics),
            params=self.params,
            multiply_adds=self.multiply_adds,
            seconds=dict(self.seconds),
            budget=replace(self.budget, steps=steps),
            diverged=self.diverged,
            error=self.error,
            device=device_name(self.device),
            score=None if self.error is not None else self.score,
            rungs=dict(self.rungs),
        )
