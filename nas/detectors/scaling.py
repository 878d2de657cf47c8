"""How large a detector is made, independent of its architecture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from search_spaces.errors import ConfigError

LEVEL_WIDTHS = {1: 32, 2: 64, 3: 128, 4: 256, 5: 256, 6: 256, 7: 256}
ACTIVATIONS = ("relu", "swish")
BOTTLENECK_EXPANSION = 4


@dataclass(frozen=True, slots=True)
class Scaling:
    """Size and settings of a detector (SpineNet, section 3.4 and Table 2); the defaults are SpineNet-49's.

    Attributes:
        width: factor on the block widths ``LEVEL_WIDTHS``; the products are rounded down.
        alpha: factor by which a cross-scale connection narrows its input first.
        repeats: how many times each block is repeated.
        endpoints: channels of the 1x1 projections of the output blocks.
        head_channels: channels of the head's towers.
        head_depth: 3x3 convolutions in each tower of the head.
        activation: ``"relu"`` or ``"swish"``.
        stochastic_depth: drop rate of the last block of the scale-permuted network; earlier blocks drop less.
        anchor_size: side of the smallest square anchor of a level, in strides.
        bn_epsilon: added to the variance in batch normalisation.
        bn_momentum: share of the present batch in the running statistics (1 minus TensorFlow's momentum).

    Raises:
        ConfigError: a value is out of range; the sentence names it.
    """

    width: float = 1.0
    alpha: float = 0.5
    repeats: int = 1
    endpoints: int = 256
    head_channels: int = 256
    head_depth: int = 4
    activation: str = "relu"
    stochastic_depth: float = 0.0
    anchor_size: float = 3.0
    bn_epsilon: float = 1e-4
    bn_momentum: float = 0.003

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ConfigError(f"scaling: {problem}")

    def block_width(self, level: int) -> int:
        """Channels of the 3x3 convolutions of a block at ``level``."""
        return int(LEVEL_WIDTHS[level] * self.width)

    def block_channels(self, level: int, block_type: str) -> int:
        """Channels of a block's input and output: 4 widths for a bottleneck block, 1 for a residual block."""
        return self.block_width(level) * (BOTTLENECK_EXPANSION if block_type == "bottleneck" else 1)

    def narrowed_width(self, level: int) -> int:
        """Channels to which a connection narrows a parent at ``level`` before it changes the resolution."""
        return int(self.block_width(level) * self.alpha)

    def _problems(self) -> Iterator[str]:
        for name in ("repeats", "endpoints", "head_channels"):
            value = getattr(self, name)
            if not _is_integer(value) or value < 1:
                yield f"{name} is {value!r}; it must be an integer of at least 1."
        if not _is_integer(self.head_depth) or self.head_depth < 0:
            yield f"head_depth is {self.head_depth!r}; it must be an integer of at least 0."
        for name in ("width", "alpha", "anchor_size", "bn_epsilon"):
            value = getattr(self, name)
            if not _is_number(value) or not 0 < value < math.inf:
                yield f"{name} is {value!r}; it must be a number above 0."
        if not _is_number(self.stochastic_depth) or not 0 <= self.stochastic_depth < 1:
            yield f"stochastic_depth is {self.stochastic_depth!r}; it must be at least 0 and below 1."
        if not _is_number(self.bn_momentum) or not 0 < self.bn_momentum <= 1:
            yield f"bn_momentum is {self.bn_momentum!r}; it must be above 0 and at most 1."
        if self.activation not in ACTIVATIONS:
            yield f"activation is {self.activation!r}; allowed: {', '.join(ACTIVATIONS)}."
        if self.narrowed_width(min(LEVEL_WIDTHS)) < 1:
            yield (
                f"width {self.width} and alpha {self.alpha} leave no channel at level {min(LEVEL_WIDTHS)}; "
                f"their product must be at least 1/{LEVEL_WIDTHS[min(LEVEL_WIDTHS)]}."
            )


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


PROXY = Scaling(width=0.25, alpha=0.25, endpoints=64, head_channels=64, bn_epsilon=1e-3, bn_momentum=0.01)
"""The proxy of the search (SpineNet, section 5.1): a quarter of the width; its batch normalisation as in the paper."""

PUBLISHED: dict[str, tuple[str, Scaling]] = {
    "spinenet-49s": ("spinenet-49", Scaling(width=0.65, endpoints=128, head_channels=128)),
    "spinenet-49": ("spinenet-49", Scaling()),
    "spinenet-96": ("spinenet-49", Scaling(repeats=2)),
    "spinenet-143": ("spinenet-49", Scaling(alpha=1.0, repeats=3, anchor_size=4.0)),
    "spinenet-143l": ("spinenet-49", Scaling(width=1.3, alpha=1.0, repeats=3, anchor_size=4.0)),
    "spinenet-190": (
        "spinenet-49",
        Scaling(width=1.3, alpha=1.0, repeats=4, endpoints=512, head_channels=512, head_depth=7, anchor_size=4.0),
    ),
    "r0-sp53": ("r0-sp53", Scaling()),
}
"""Published detectors: name -> (architecture's name, scaling). Source: the configurations of the TPU release."""
