"""From a measurement to the scalar that a controller is told, and which architectures are not worth measuring.

What a detector costs is counted for the one that a user will build, not for the proxy's small one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from types import NoneType
from typing import Protocol

from proxies.base import Measurement
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError
from search_spaces.settings import SettingError, as_yaml, of_type, one_of, positive, within

IMAGE_SIZE = 640
"""Side in pixels of the images for which the detector is counted that a user will build."""
COSTS = {"multiply_adds": "multiply-adds", "params": "parameters"}
"""Name of a cost -> what it counts."""


class Counts(Protocol):
    """What a detector costs."""

    @property
    def params_trainable(self) -> int: ...

    @property
    def multiply_adds(self) -> int: ...


@dataclass(frozen=True, slots=True)
class RewardSettings:
    """What counts beside AP.

    Attributes:
        cost: ``"multiply_adds"``, ``"params"``, or None: AP alone is the reward.
        target: the cost at which the reward is AP itself.
        exponent: the reward is AP * (cost / target) ** exponent (MnasNet, arXiv 1807.11626, equation 2, with its
            alpha = beta = -0.07: doubling the cost must be worth 5 % of AP).
        max_multiply_adds, max_params: an architecture above one of them is not trained; None: no bound.

    Raises:
        ConfigError: a setting has the wrong type or is out of range.
    """

    cost: str | None = None
    target: float | None = None
    exponent: float = -0.07
    max_multiply_adds: float | None = None
    max_params: float | None = None

    def __post_init__(self) -> None:
        if self.cost is not None:
            one_of("cost", self.cost, COSTS)
        of_type("target", self.target, float, NoneType)
        if self.target is not None:
            positive("target", self.target)
        if (self.cost is None) is not (self.target is None):
            raise SettingError(
                "target", f"is {as_yaml(self.target)} and cost is {as_yaml(self.cost)}; give both, or neither."
            )
        within("exponent", self.exponent, -10, 0)
        for name in ("max_multiply_adds", "max_params"):
            if getattr(self, name) is not None:
                positive(name, getattr(self, name))


def reward(measurement: Measurement) -> float | None:
    """AP, the reward of the paper (section 3.1), or the score in its place; None when the evaluation failed."""
    return None if measurement.error is not None else measurement.value


@dataclass(frozen=True, slots=True)
class FullSize:
    """What the detector costs that a user will build: trainable parameters, and multiply-adds of one image."""

    params_trainable: int
    multiply_adds: int


@lru_cache(maxsize=2**16)
def count_full_size(architecture: Architecture, image_size: int = IMAGE_SIZE) -> FullSize:
    """The cost of the detector that a user will build, which takes PyTorch and a tenth of a second to count, once."""
    from nas.detectors.full_size import full_size_cost

    counted = full_size_cost(architecture, image_size)
    return FullSize(counted.params_trainable, counted.multiply_adds)


@dataclass(frozen=True)
class Reward:
    """The reward of a search.

    Attributes:
        settings: what counts beside AP.
        count: counts what an architecture costs; not called where nothing but AP counts.
    """

    settings: RewardSettings = field(default_factory=RewardSettings)
    count: Callable[[Architecture], Counts] = count_full_size

    @property
    def is_ap(self) -> bool:
        """Whether AP, or the score in its place, is all that counts."""
        return self.settings.cost is None

    def __call__(self, measurement: Measurement, architecture: Architecture) -> float | None:
        """What the controller is told; None when the evaluation failed.

        Raises:
            ConfigError: a cost is to count, and the proxy gives a score in the place of AP.
        """
        value = reward(measurement)
        if value is None or self.is_ap:
            return value
        self.check_score(None if measurement.score is None else measurement.value_name)
        return self.of_ap(value, architecture)

    def of_ap(self, ap: float, architecture: Architecture) -> float:
        """The reward of an architecture that has this AP."""
        cost, target = self.settings.cost, self.settings.target
        if cost is None or target is None:
            return ap
        return float(ap * (_cost(self.count(architecture), cost) / target) ** self.settings.exponent)

    def check_score(self, name: str | None) -> None:
        """Check that a proxy goes with the reward: ``name`` is that of the score that it gives; None where it gives AP.

        Raises:
            ConfigError: a cost is to count, and it gives a score.
        """
        if name is not None and not self.is_ap:
            raise ConfigError(
                f"reward.cost is {self.settings.cost}; it must be null where the proxy gives {name} and no AP."
            )

    def refuse(self, architecture: Architecture) -> str | None:
        """Why an architecture must not be trained, as a sentence; None: it may."""
        bounds = {"multiply_adds": self.settings.max_multiply_adds, "params": self.settings.max_params}
        if all(bound is None for bound in bounds.values()):
            return None
        counts = self.count(architecture)
        for name, bound in bounds.items():
            if bound is not None and (found := _cost(counts, name)) > bound:
                return f"it has {found:,} {COSTS[name]}; reward.max_{name} allows {bound:,.0f}."
        return None


AP_ALONE = Reward()


def _cost(counts: Counts, name: str) -> int:
    return counts.multiply_adds if name == "multiply_adds" else counts.params_trainable
