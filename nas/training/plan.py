"""How long a training is: by its steps, or by the hours it may take. A step's share of the whole decides its rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_STEPS = 5
"""So many steps are made before their rate is believed."""
FIRST_SHARE, BETWEEN = 0.02, 0.05
"""Shares of the time after which the length is decided first, and again."""
MARGIN = 0.01
"""Share of the time that is left over, for what is written at the end."""
TOLERANCE = 0.03
"""A length that differs by less is left as it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The length of a training and, after each step, the share of it that is done.

    The share grows evenly. Where the length was decided anew, it goes on from where it was and grows faster or slower,
    so that a learning rate that follows it makes no jump.

    Attributes:
        steps: optimiser steps in all.
        decided: (step, share) at which a length was decided, in order; the last holds.
    """

    steps: int
    decided: tuple[tuple[int, float], ...] = ((0, 0.0),)

    def __post_init__(self) -> None:
        object.__setattr__(self, "decided", tuple((int(step), float(share)) for step, share in self.decided))

    def done(self, step: int) -> float:
        """The share that is done after ``step`` steps, not before the last decision: 0 to 1."""
        first, share = self.decided[-1]
        if step >= self.steps:
            return 1.0
        return share + (1 - share) * (step - first) / (self.steps - first)

    def ending_at(self, steps: int, step: int) -> Plan:
        """The same until now, ``step``, but with ``steps`` in all; at least one more."""
        return replace(self, steps=max(steps, step + 1), decided=(*self.decided, (step, self.done(step))))


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """The time that a training may take, measured in all its sessions together.

    Attributes:
        seconds: in all.
        most_steps: the length of the training where there is more time than it needs.
    """

    seconds: float
    most_steps: int

    def is_due(self, plan: Plan, step: int, elapsed: float, decided_at: float) -> bool:
        """Whether the length must be decided now; ``decided_at`` is what had elapsed the last time, 0 for never."""
        wait = BETWEEN if decided_at else FIRST_SHARE
        return step >= FIRST_STEPS and step < plan.steps and elapsed >= decided_at + wait * self.seconds

    def decide(self, plan: Plan, step: int, elapsed: float, validating: float, validations: float) -> Plan:
        """The plan that ends in time.

        Args:
            step, elapsed: what was done so far, and the seconds that it took in all.
            validating: how many of them went into validations.
            validations: seconds that those will take which are still to come.
        """
        left = max(0.0, self.seconds * (1 - MARGIN) - elapsed - validations)
        steps = min(self.most_steps, step + int(left * step / max(elapsed - validating, 1e-9)))
        if abs(steps - plan.steps) <= TOLERANCE * (plan.steps - step):
            return plan
        return plan.ending_at(steps, step)
