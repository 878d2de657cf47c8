"""What is known of an evaluation while it goes on: numbers, an error, and the seconds of each phase."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from nas.detectors.devices import device_name
from proxies.base import Budget, Measurement

Read = TypeVar("Read")


@dataclass(slots=True)
class Outcome:
    """What is known of an evaluation so far; an error may end it in any phase."""

    budget: Budget
    phase: str = ""
    params: int = 0
    multiply_adds: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    diverged: bool = False
    error: str | None = None

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add the block's time to a phase; what a phase within the block takes is added to that one alone."""
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
