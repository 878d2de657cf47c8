"""The learning rate of a step."""

from __future__ import annotations

import math
from dataclasses import dataclass

from search_spaces.settings import at_least, one_of, positive, within

SCHEDULES = ("cosine", "step", "constant")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Linear warm-up, then a decay.

    Attributes:
        learning_rate: after warm-up.
        steps: length of the training.
        kind: ``"cosine"`` to zero, ``"step"`` (times 0.1 at each point of ``decay_at``) or ``"constant"``.
        warmup_steps: steps over which the rate rises from ``warmup_start`` times ``learning_rate``.
        decay_at: fractions of the training, for ``"step"``; the paper's protocol B decays at 320/350 and 340/350.
    """

    learning_rate: float
    steps: int
    kind: str = "cosine"
    warmup_steps: int = 0
    warmup_start: float = 0.1
    decay_at: tuple[float, ...] = (320 / 350, 340 / 350)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decay_at", tuple(self.decay_at))
        positive("learning_rate", self.learning_rate)
        at_least("steps", self.steps, 1)
        one_of("schedule", self.kind, SCHEDULES)
        at_least("warmup_steps", self.warmup_steps, 0)
        within("warmup_start", self.warmup_start, 0, 1)
        for point in self.decay_at:
            within("decay_at", point, 0, 1)

    def rate(self, step: int, done: float | None = None) -> float:
        """Learning rate of ``step``, counted from 0.

        Args:
            done: the share of the training that is done before it, where the steps do not tell.
        """
        return self.learning_rate * self._decay(step if done is None else done * self.steps) * self._warmup(step)

    def _warmup(self, step: int) -> float:
        if step >= self.warmup_steps:
            return 1.0
        return self.warmup_start + (1 - self.warmup_start) * step / self.warmup_steps

    def _decay(self, step: float) -> float:
        if self.kind == "cosine":
            return 0.5 * (1 + math.cos(math.pi * step / self.steps))
        if self.kind == "step":
            return float(0.1 ** sum(step >= point * self.steps for point in self.decay_at))
        return 1.0
