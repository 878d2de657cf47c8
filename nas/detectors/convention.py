"""Padding, resampling and their constants in each of the published code bases.

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
        same_convolutions: a strided convolution pads as little as possible, with the odd position at the end
            (TensorFlow's SAME); otherwise it pads by half the kernel on both sides.
        same_pooling: the same for max-pooling.
        repeated_pooling: a connection over a factor of 8 or more repeats 3x3 pooling with stride 2; otherwise it pools
            once, with a kernel of 3 or 5.
        whole_factors: up-sampling is by whole factors only, so image sides must be multiples of the coarsest stride.
        endpoint_activation: an activation follows each endpoint's batch normalisation.
        pyramid_relu: between the coarser levels of a feature pyramid there is a ReLU, whatever the activation is.
        squeeze_activation, gate: the two activations in squeeze-and-excite.
        stochastic_depth_extra: number added to the number of blocks over which the drop rate rises.
        aspect_ratios: width / height of the anchors at a position, in order.
        rounded_anchors: the corners of anchors lie on whole pixels, and the last pixel is included (mmdetection 1).
        roi_candidates: the most boxes per class that reach non-maximum suppression in Mask R-CNN.
        roi_samples: values that are read along each side of a bin of a region, and then averaged.
        roi_inclusive: a region includes its last pixel when its features are read.
        roi_levels: regions are looked up at this many levels, the lowest ones, and those with a side of 112 pixels
            or more at a level above the lowest, whatever its stride. None: regions are looked up at all levels, and
            those with a side of 224 pixels at level 4.
        batch_norm: head -> constants of batch normalisation.
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
        """The constants for a head. A head that the code base does not have takes RetinaNet's."""
        return self.batch_norm.get(head, self.batch_norm["retinanet"])

    def __reduce__(self) -> tuple[Callable[[str], Convention], tuple[str]]:
        """A copy is the constant itself, and so is one that comes from another process."""
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
"""Name -> convention. ``tpu`` is the default: it is the paper's own, and it takes images of any size."""
