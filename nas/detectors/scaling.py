"""How large a detector is, independently of its architecture."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from nas.detectors.convention import CONVENTIONS
from search_spaces.errors import ConfigError, suggestion

ACTIVATIONS = ("relu", "swish")
LARGEST = 10_000  # of any setting: a larger one is a slip of the finger


@dataclass(frozen=True, slots=True)
class Scaling:
    """Size and settings of a detector (SpineNet, section 3.4 and Table 2); the defaults are SpineNet-49's.

    Attributes:
        width: factor on the family's block widths (:mod:`nas.detectors.backbones.families`); results are rounded down.
        alpha: factor by which a cross-scale connection first narrows its input.
        repeats: how many times each block is repeated.
        endpoints: channels of the 1x1 projections of the output blocks, or of the feature pyramid.
        head_channels: channels of the head's convolutions.
        head_depth: number of 3x3 convolutions in each tower of RetinaNet, and in Mask R-CNN's box head.
        mask_depth: number of 3x3 convolutions in Mask R-CNN's mask head; None: ``head_depth``.
        rpn_depth: number of 3x3 convolutions in Mask R-CNN's region proposal network.
        fc_channels: channels of the fully connected layer in Mask R-CNN's box head.
        separable: whether the head's convolutions are separable (depthwise, then 1x1).
        activation: ``"relu"`` or ``"swish"``.
        stochastic_depth: drop rate of the last block of the scale-permuted network; earlier blocks have lower rates.
        anchor_size: side of the smallest square anchor of a level, in strides.
        bn_epsilon: added to the variance in batch normalisation; None: the convention's for the head.
        bn_momentum: share of the present batch in the running statistics (1 minus TensorFlow's momentum); None: the
            convention's for the head.
        convention: how padding and resampling are done, a name of ``CONVENTIONS``.
        inclusive_pixels: whether decoded boxes include their last pixel (width = x2 - x1 + 1), as they do in the TPU
            release and in mmdetection 1. It is set in detectors that are converted from there.

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

    def resolved(self, head: str) -> Scaling:
        """The same scaling; constants of batch normalisation that are None become those of the convention."""
        constants = CONVENTIONS[self.convention].batch_norm_of(head)
        return dataclasses.replace(
            self,
            bn_epsilon=constants.epsilon if self.bn_epsilon is None else self.bn_epsilon,
            bn_momentum=constants.momentum if self.bn_momentum is None else self.bn_momentum,
        )

    def _problems(self) -> Iterator[str]:
        for name in ("repeats", "endpoints", "head_channels", "rpn_depth", "fc_channels"):
            value = getattr(self, name)
            if not _is_integer(value) or not 1 <= value <= LARGEST:
                yield f"{name} is {value!r}; it must be an integer from 1 to {LARGEST}."
        for name in ("head_depth", "mask_depth"):
            value = getattr(self, name)
            if not (_is_integer(value) and 0 <= value <= LARGEST) and not (value is None and name == "mask_depth"):
                null = ", or null" if name == "mask_depth" else ""
                yield f"{name} is {value!r}; it must be an integer from 0 to {LARGEST}{null}."
        for name in ("width", "alpha", "anchor_size", "bn_epsilon"):
            value = getattr(self, name)
            if value is None and name == "bn_epsilon":
                continue
            if not _is_number(value) or not 0 < value <= LARGEST:
                yield f"{name} is {value!r}; it must be a number above 0 and at most {LARGEST}."
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


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


PROXY = Scaling(width=0.25, alpha=0.25, endpoints=64, head_channels=64, bn_epsilon=1e-3, bn_momentum=0.01)
"""The proxy of the search (SpineNet, section 5.1): a quarter of the width; its batch normalisation is the paper's."""
