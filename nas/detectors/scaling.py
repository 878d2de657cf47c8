"""How large a detector is, independently of its architecture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from nas.detectors.convention import CONVENTIONS
from search_spaces.settings import boolean, integer, one_of, within

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
        ConfigError: a value has the wrong type or is out of range; the sentence names it.
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
        for name in ("repeats", "endpoints", "head_channels", "rpn_depth", "fc_channels"):
            _check_integer(name, getattr(self, name), 1)
        _check_integer("head_depth", self.head_depth, 0)
        if self.mask_depth is not None:
            _check_integer("mask_depth", self.mask_depth, 0)
        for name in ("width", "alpha", "anchor_size"):
            within(name, getattr(self, name), 0, LARGEST, "(]")
        within("stochastic_depth", self.stochastic_depth, 0, 1, "[)")
        if self.bn_epsilon is not None:
            within("bn_epsilon", self.bn_epsilon, 0, LARGEST, "(]")
        if self.bn_momentum is not None:
            within("bn_momentum", self.bn_momentum, 0, 1, "(]")
        for name in ("separable", "inclusive_pixels"):
            boolean(name, getattr(self, name))
        one_of("activation", self.activation, ACTIVATIONS)
        one_of("convention", self.convention, CONVENTIONS)

    def resolved(self, head: str) -> Scaling:
        """The same scaling; constants of batch normalisation that are None become those of the convention."""
        constants = CONVENTIONS[self.convention].batch_norm_of(head)
        return dataclasses.replace(
            self,
            bn_epsilon=constants.epsilon if self.bn_epsilon is None else self.bn_epsilon,
            bn_momentum=constants.momentum if self.bn_momentum is None else self.bn_momentum,
        )


def _check_integer(name: str, value: int, least: int) -> None:
    integer(name, value)
    within(name, value, least, LARGEST)


PROXY = Scaling(width=0.25, alpha=0.25, endpoints=64, head_channels=64, bn_epsilon=1e-3, bn_momentum=0.01)
"""The proxy of the search (SpineNet, section 5.1): a quarter of the width; its batch normalisation is the paper's."""
