"""Padding, resampling and their constants, as each published code base has them.

The same weights give other numbers under another convention, so a converted detector carries its own. Sources:
tensorflow/tpu ``models/official/detection`` (``tpu``), TF Model Garden ``official/vision`` (``model_garden``), and the
PyTorch ports on mmdetection 1.1 (``mmdet``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class BatchNormConstants:
    """``epsilon`` is added to the variance; ``momentum`` is the share of the present batch in the running statistics
    (1 minus TensorFlow's momentum)."""

    epsilon: float
    momentum: float


@dataclass(frozen=True, slots=True, eq=False)
class Convention:
    """How a code base pads, resamples and normalises.

    Attributes:
        same_convolutions: a strided convolution pads as little as possible, the odd position at the end
            (TensorFlow's SAME); otherwise half the kernel on both sides.
        same_pooling: the same for max-pooling.
        repeated_pooling: a connection over a factor of 8 or more pools 3x3 with stride 2 again and again; otherwise
            once, with a kernel of 3 or 5.
        whole_factors: up-sampling by whole factors only, so image sides must be multiples of the coarsest stride.
        endpoint_activation: an activation follows each endpoint's batch normalisation.
        pyramid_relu: a ReLU stands between the coarser levels of a feature pyramid whatever the activation.
        squeeze_activation, gate: the two activations of squeeze-and-excite.
        stochastic_depth_extra: added to the number of blocks over which the drop rate rises.
        aspect_ratios: of the anchors at a position, width / height, in order.
        rounded_anchors: corners of anchors lie on whole pixels, the last pixel counted in (mmdetection 1).
        roi_candidates: boxes of a class that reach non-maximum suppression in Mask R-CNN.
        roi_samples: values read along either side of each bin of a region, their mean taken.
        roi_inclusive: a region's last pixel counts in when its features are read.
        roi_levels: regions are looked up at so many levels, the lowest ones, and a side of 112 pixels is the first
            above the lowest, whatever its stride; None: at all levels, a side of 224 pixels at level 4.
        batch_norm: head -> constants.
    """

    name: str
    same_convolutions: bool
    same_pooling: bool
    repeated_pooling: bool
    whole_factors: bool
    endpoint_activation: bool
    pyramid_relu: bool
    squeeze_activation: str
    gate: str
    stochastic_depth_extra: int
    aspect_ratios: tuple[float, ...]
    rounded_anchors: bool
    roi_candidates: int
    roi_samples: int
    roi_inclusive: bool
    roi_levels: int | None
    batch_norm: Mapping[str, BatchNormConstants]

    def batch_norm_of(self, head: str) -> BatchNormConstants:
        """The constants with a head; one that the code base does not have takes RetinaNet's."""
        return self.batch_norm.get(head, self.batch_norm["retinanet"])

    def __reduce__(self) -> tuple[Callable[[str], Convention], tuple[str]]:
        """A copy, or one from another process, is the constant itself."""
        return _named, (self.name,)


def _named(name: str) -> Convention:
    return CONVENTIONS[name]


TPU = Convention(
    name="tpu",
    same_convolutions=False,
    same_pooling=True,
    repeated_pooling=False,
    whole_factors=False,
    endpoint_activation=True,
    pyramid_relu=True,
    squeeze_activation="swish",
    gate="sigmoid",
    stochastic_depth_extra=0,
    aspect_ratios=(1.0, 2.0, 0.5),
    rounded_anchors=False,
    roi_candidates=1000,
    roi_samples=1,
    roi_inclusive=False,
    roi_levels=None,
    batch_norm=MappingProxyType(
        {
            "retinanet": BatchNormConstants(1e-4, 0.003),
            "mask_rcnn": BatchNormConstants(1e-3, 0.01),
            "classifier": BatchNormConstants(1e-5, 0.1),
        }
    ),
)

MODEL_GARDEN = Convention(
    name="model_garden",
    same_convolutions=True,
    same_pooling=True,
    repeated_pooling=True,
    whole_factors=True,
    endpoint_activation=True,
    pyramid_relu=False,
    squeeze_activation="relu",
    gate="hard_sigmoid",
    stochastic_depth_extra=1,
    aspect_ratios=(0.5, 1.0, 2.0),
    rounded_anchors=False,
    roi_candidates=5000,
    roi_samples=1,
    roi_inclusive=False,
    roi_levels=None,
    batch_norm=MappingProxyType(
        {head: BatchNormConstants(1e-3, 0.01) for head in ("retinanet", "mask_rcnn", "classifier")}
    ),
)

MMDET = Convention(
    name="mmdet",
    same_convolutions=False,
    same_pooling=False,
    repeated_pooling=False,
    whole_factors=True,
    endpoint_activation=False,
    pyramid_relu=False,
    squeeze_activation="swish",
    gate="sigmoid",
    stochastic_depth_extra=0,
    aspect_ratios=(2.0, 1.0, 0.5),
    rounded_anchors=True,
    roi_candidates=1000,
    roi_samples=2,
    roi_inclusive=True,
    roi_levels=4,
    batch_norm=MappingProxyType(
        {head: BatchNormConstants(1e-3, 0.01) for head in ("retinanet", "mask_rcnn", "classifier")}
    ),
)

CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {convention.name: convention for convention in (TPU, MODEL_GARDEN, MMDET)}
)
"""Name -> convention. ``tpu`` is the default: the paper's own, and it takes images of any size."""
