"""Published detectors: which architecture each of them has, and how large it is.

Sources: the configurations of the TPU release (``models/official/detection/configs/spinenet``, its ``spinenet.py`` and
``spinenet_mbconv.py``); for the ResNet baselines the SpineNet paper, Table 2, and TF Model Garden's Mask R-CNN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from nas.detectors.scaling import Scaling
from search_spaces.published import graph_name


@dataclass(frozen=True, slots=True)
class PublishedDetector:
    """One row of the published tables.

    Attributes:
        name: name of the detector.
        scaling: its scaling with RetinaNet and as a classifier.
        image_size: side in pixels at which the detector was published with RetinaNet.
        mask_rcnn: what differs in the scaling with Mask R-CNN.
        mask_rcnn_architecture, mask_rcnn_size: architecture and side with Mask R-CNN; None: the same.
    """

    name: str
    scaling: Scaling
    image_size: int = 640
    mask_rcnn: Mapping[str, int | float] = field(default_factory=dict)
    mask_rcnn_architecture: str | None = None
    mask_rcnn_size: int | None = None

    def for_head(self, head: str) -> tuple[str, Scaling]:
        """Name of the architecture, and scaling, with ``head``."""
        if head != "mask_rcnn":
            return graph_name(self.name), self.scaling
        scaling = replace(self.scaling, **self.mask_rcnn)  # type: ignore[arg-type]
        return self.mask_rcnn_architecture or graph_name(self.name), scaling

    def size_for(self, head: str) -> int:
        """Side in pixels at which the detector was published with ``head``; most classifiers take ImageNet's 224."""
        if head == "classifier":
            return self.image_size if self.scaling.separable else 224
        return self.mask_rcnn_size or self.image_size if head == "mask_rcnn" else self.image_size


def _mobile(name: str, width: float, endpoints: int, image_size: int) -> PublishedDetector:
    scaling = Scaling(width=width, endpoints=endpoints, head_channels=endpoints, separable=True, activation="swish")
    return PublishedDetector(name, scaling, image_size)


_143 = Scaling(alpha=1.0, repeats=3, anchor_size=4.0)
_190 = Scaling(width=1.3, alpha=1.0, repeats=4, endpoints=512, head_channels=512, head_depth=7, anchor_size=4.0)

_ROWS = (
    _mobile("spinenet-mobile-49xs", 0.6, 24, 256),
    _mobile("spinenet-mobile-49s", 0.65, 40, 384),
    _mobile("spinenet-mobile-49", 1.0, 48, 384),
    PublishedDetector(
        "spinenet-49s", Scaling(width=0.65, endpoints=128, head_channels=128), mask_rcnn={"fc_channels": 512}
    ),
    PublishedDetector("spinenet-49", Scaling()),
    PublishedDetector("spinenet-96", Scaling(repeats=2), 1024),
    PublishedDetector("spinenet-143", _143, 1280, {"anchor_size": 3.0}),
    PublishedDetector("spinenet-143l", replace(_143, width=1.3), 1280, {"anchor_size": 3.0}),
    PublishedDetector("spinenet-190", _190, 1280, {"head_channels": 384, "anchor_size": 5.0}, mask_rcnn_size=1536),
    PublishedDetector("r0-sp53", Scaling()),
    PublishedDetector("r23-sp30", Scaling()),
    PublishedDetector(
        "r50-fpn",
        Scaling(anchor_size=4.0),
        mask_rcnn={"anchor_size": 8.0},
        mask_rcnn_architecture="r50-fpn-2-6",
    ),
    PublishedDetector("r101-fpn", Scaling(anchor_size=4.0), 1024),
    PublishedDetector("r152-fpn", Scaling(anchor_size=4.0), 1280),
)

PUBLISHED: Mapping[str, PublishedDetector] = MappingProxyType({row.name: row for row in _ROWS})
"""Name -> published detector, smallest first within each family."""
