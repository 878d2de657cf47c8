"""The region proposal network of Mask R-CNN, and the regions it proposes (arXiv 1506.01497, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.detectors.anchors import decode
from nas.detectors.head_layers import Tower, head_convolution, predict
from nas.detectors.nms import best_first, suppress
from nas.detectors.packing import pack, plan_layouts
from nas.detectors.postprocess import to_scores
from nas.detectors.resample import Size
from nas.detectors.scaling import Scaling

DEVIATION = 0.01  # of the initial weights


@dataclass(frozen=True, slots=True)
class ProposalSettings:
    """Which predictions of the network become regions (TPU release, ``ops/roi_ops.py``).

    Attributes:
        candidates: how many boxes of each level of an image reach non-maximum suppression, the best ones.
        nms_iou: of two boxes of a level that overlap more, the lower score is dropped.
        limit: at most so many regions per image, of all levels together.
    """

    candidates: int = 1000
    nms_iou: float = 0.7
    limit: int = 1000


INFERENCE = ProposalSettings()
TRAINING = ProposalSettings(candidates=2000)


class RegionProposalNetwork(nn.Module):
    """Objectness and box codes at every position of every level, from one tower."""

    def __init__(self, levels: int, anchors: int, scaling: Scaling) -> None:
        super().__init__()
        self.tower = Tower(levels, scaling.rpn_depth, scaling.head_channels, scaling)
        channels, separable = self.tower.channels, scaling.separable
        self.class_predictor = head_convolution(channels, anchors, DEVIATION, kernel=1, separable=separable)
        self.box_predictor = head_convolution(channels, anchors * 4, DEVIATION, kernel=1, separable=separable)

    def forward(self, endpoints: Mapping[int, Tensor]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """{level: [B, endpoints, h, w]} -> logits {level: [B, A, h, w]}, codes {level: [B, A * 4, h, w]}."""
        layouts = plan_layouts(tuple((x.shape[2], x.shape[3]) for x in endpoints.values()))
        maps = iter(endpoints.values())
        canvases = self.tower([pack([next(maps) for _ in layout.sizes], layout) for layout in layouts], layouts)
        classes = predict(self.class_predictor, canvases, layouts)
        boxes = predict(self.box_predictor, canvases, layouts)
        return dict(zip(endpoints, classes)), dict(zip(endpoints, boxes))


def propose(
    logits: Sequence[Tensor],
    codes: Sequence[Tensor],
    anchors: Sequence[Tensor],
    image_size: Size,
    settings: ProposalSettings,
    inclusive: bool = False,
) -> Tensor:
    """Regions of one image, best first: [N, 4] xyxy pixels within the image, N <= ``settings.limit``.

    Equal scores are in the order of levels, then anchors. A box that clipping moved to the origin whole is no region.

    Args:
        logits, codes, anchors: of each level [n], [n, 4] and [n, 4] (centre form, pixels).
        inclusive: as in :func:`decode`.
    """
    scores = [to_scores(level) for level in logits]
    orders = [best_first(level, settings.candidates) for level in scores]
    boxes = torch.cat(
        [
            decode(code[order].float(), anchor[order], image_size, inclusive)
            for code, anchor, order in zip(codes, anchors, orders)
        ]
    )
    counts = torch.tensor([len(order) for order in orders], device=boxes.device)
    groups = torch.arange(len(orders), device=boxes.device).repeat_interleave(counts)
    ranked = torch.cat([level[order] for level, order in zip(scores, orders)])
    best = best_first(ranked, len(ranked))
    boxes, groups = boxes[best], groups[best]
    real = boxes.any(dim=1) & boxes.isfinite().all(dim=1)
    boxes, groups = boxes[real], groups[real]
    return boxes[suppress(boxes.double(), groups, max(image_size), settings.nms_iou)[: settings.limit]]
