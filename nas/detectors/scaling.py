"""How large a detector is made, independent of its architecture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from nas.detectors.convention import CONVENTIONS, Convention
from search_spaces.errors import ConfigError, suggestion

LEVEL_WIDTHS = {
    "spinenet": {1: 32, 2: 64, 3: 128, 4: 256, 5: 256, 6: 256, 7: 256},
    "mobile": {0: 8, 1: 16, 2: 24, 3: 40, 4: 80, 5: 112, 6: 112, 7: 112},
    "resnet-fpn": {1: 32, 2: 64, 3: 128, 4: 256, 5: 512, 6: 512, 7: 512},
}
"""Family of architectures -> level -> width of a block at ``Scaling.width`` 1."""

HEADS = ("retinanet", "mask_rcnn", "classifier")
ACTIVATIONS = ("relu", "swish")
BOTTLENECK_EXPANSION = 4
LARGEST = 10_000  # of any setting: beyond it lies a slip of the finger, not a network


@dataclass(frozen=True, slots=True)
class Scaling:
    """Size and settings of a detector (SpineNet, section 3.4 and Table 2); the defaults are SpineNet-49's.

    Attributes:
        width: factor on the block widths ``LEVEL_WIDTHS``; the products are rounded down.
        alpha: factor by which a cross-scale connection narrows its input first.
        repeats: how many times each block is repeated.
        endpoints: channels of the 1x1 projections of the output blocks, or of the feature pyramid.
        head_channels: channels of the head's convolutions.
        head_depth: 3x3 convolutions in each tower of RetinaNet, and in Mask R-CNN's box head.
        mask_depth: 3x3 convolutions in Mask R-CNN's mask head; None: ``head_depth``.
        rpn_depth: 3x3 convolutions in Mask R-CNN's region proposal network.
        fc_channels: channels of the fully connected layer in Mask R-CNN's box head.
        separable: the head's convolutions are separable (depthwise, then 1x1).
        activation: ``"relu"`` or ``"swish"``.
        stochastic_depth: drop rate of the last block of the scale-permuted network; earlier blocks drop less.
        anchor_size: side of the smallest square anchor of a level, in strides.
        bn_epsilon: added to the variance in batch normalisation; None: the convention's for the head.
        bn_momentum: share of the present batch in the running statistics (1 minus TensorFlow's momentum); None: the
            convention's for the head.
        convention: of padding and resampling, a name of ``CONVENTIONS``.
        inclusive_pixels: decoded boxes count their last pixel in (width = x2 - x1 + 1), as the TPU release and
            mmdetection 1 do when they detect; set in detectors converted from there.

    Raises:
        ConfigError: a value is out of range; the sentence names it.
    """

    width: float = 1.0
    alpha: float = 0.5
    repeats: int = 1
    endpoints: int = 256
    head_channels: int = 256
    head_depth: int = 4
    mask_depth: int | None = None
    rpn_depth: int = 1
    fc_channels: int = 1024
    separable: bool = False
    activation: str = "relu"
    stochastic_depth: float = 0.0
    anchor_size: float = 3.0
    bn_epsilon: float | None = None
    bn_momentum: float | None = None
    convention: str = "tpu"
    inclusive_pixels: bool = False

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise ConfigError(f"scaling: {problem}")

    @property
    def rules(self) -> Convention:
        """The convention itself."""
        return CONVENTIONS[self.convention]

    def resolved(self, head: str) -> Scaling:
        """The same with the batch normalisation constants of the convention where they are None."""
        constants = self.rules.batch_norm[head]
        return dataclasses.replace(
            self,
            bn_epsilon=constants.epsilon if self.bn_epsilon is None else self.bn_epsilon,
            bn_momentum=constants.momentum if self.bn_momentum is None else self.bn_momentum,
        )

    def block_width(self, level: int, family: str = "spinenet") -> int:
        """Channels of the 3x3 convolutions of a block at ``level``; of the block's ends in the mobile family."""
        return int(LEVEL_WIDTHS[family][level] * self.width)

    def block_channels(self, level: int, block_type: str, family: str = "spinenet") -> int:
        """Channels of a block's output: 4 widths for a bottleneck block, the endpoints' for a pyramid level."""
        if block_type == "fpn":
            return self.endpoints
        return self.block_width(level, family) * (BOTTLENECK_EXPANSION if block_type == "bottleneck" else 1)

    def narrowed_width(self, level: int) -> int:
        """Channels to which a connection narrows a parent at ``level`` before it changes the resolution."""
        return int(self.block_width(level) * self.alpha)

    def _problems(self) -> Iterator[str]:
        for name in ("repeats", "endpoints", "head_channels", "rpn_depth", "fc_channels"):
            value = getattr(self, name)
            if not _is_integer(value) or not 1 <= value <= LARGEST:
                yield f"{name} is {value!r}; it must be an integer from 1 to {LARGEST}."
        for name in ("head_depth", "mask_depth"):
            value = getattr(self, name)
            if not (_is_integer(value) and 0 <= value <= LARGEST) and not (value is None and name == "mask_depth"):
                yield f"{name} is {value!r}; it must be an integer of at least 0."
        for name in ("width", "alpha", "anchor_size", "bn_epsilon"):
            value = getattr(self, name)
            if value is None and name == "bn_epsilon":
                continue
            if not _is_number(value) or not 0 < value <= LARGEST:
                yield f"{name} is {value!r}; it must be a number above 0, and {LARGEST} at most."
        if not _is_number(self.stochastic_depth) or not 0 <= self.stochastic_depth < 1:
            yield f"stochastic_depth is {self.stochastic_depth!r}; it must be at least 0 and below 1."
        if self.bn_momentum is not None and not (_is_number(self.bn_momentum) and 0 < self.bn_momentum <= 1):
            yield f"bn_momentum is {self.bn_momentum!r}; it must be above 0 and at most 1."
        if self.activation not in ACTIVATIONS:
            yield f"activation is {self.activation!r}; allowed: {', '.join(ACTIVATIONS)}."
        for name in ("separable", "inclusive_pixels"):
            if not isinstance(getattr(self, name), bool):
                yield f"{name} is {getattr(self, name)!r}; it must be true or false."
        if self.convention not in CONVENTIONS:
            yield (
                f"convention is {self.convention!r}{suggestion(self.convention, CONVENTIONS)}; "
                f"allowed: {', '.join(CONVENTIONS)}."
            )

    def check_widths(self, levels: set[int], family: str) -> None:
        """A block at each of ``levels`` must keep a channel, narrowed connections included.

        Raises:
            ConfigError: it keeps none; the sentence names the level.
        """
        for level in sorted(levels):
            alpha = self.alpha if family == "spinenet" else 1.0
            if int(self.block_width(level, family) * alpha) < 1:
                narrowed = f" and alpha {self.alpha} leave" if family == "spinenet" else " leaves"
                raise ConfigError(
                    f"scaling: width {self.width}{narrowed} no channel at level {level}; the width there is "
                    f"{LEVEL_WIDTHS[family][level]} times that, rounded down, and must be at least 1."
                )


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


PROXY = Scaling(width=0.25, alpha=0.25, endpoints=64, head_channels=64, bn_epsilon=1e-3, bn_momentum=0.01)
"""The proxy of the search (SpineNet, section 5.1): a quarter of the width; its batch normalisation as in the paper."""
