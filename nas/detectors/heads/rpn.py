"""The region proposal network of Mask R-CNN, and the regions it proposes (arXiv 1506.01497, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.detectors.boxes import decode
from nas.detectors.heads.canvases import lay_out
from nas.detectors.heads.nms import best_first, suppress
from nas.detectors.heads.postprocess import to_scores
from nas.detectors.heads.towers import Tower, convolution_roles, head_convolution, predict
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size, count_positions

DEVIATION = 0.01  # of the initial weights


@dataclass(frozen=True, slots=True)
class ProposalSettings:
    """Which predictions of the network become regions (TPU release, ``ops/roi_ops.py``).

    Attributes:
        candidates: the most boxes of each level that reach non-maximum suppression in an image; the best ones do.
        nms_iou: if two boxes of a level overlap more than this, the one with the lower score is dropped.
        limit: the most regions in an image, of all levels together.
    """

    candidates: int = 1000
    nms_iou: float = 0.7
    limit: int = 1000


INFERENCE = ProposalSettings()
TRAINING = ProposalSettings(candidates=2000)


class RegionProposalNetwork(nn.Module):
    """Objectness and box codes at every position of every level, from one tower."""

    def __init__(self, outputs: Mapping[int, int], anchors: int, scaling: Scaling) -> None:
        """``outputs``: level -> channels, as the backbone declares them."""
        super().__init__()
        self.tower = Tower(outputs, scaling.rpn_depth, scaling)
        channels, separable = self.tower.channels, scaling.separable
        self.class_predictor = head_convolution(channels, anchors, DEVIATION, kernel=1, separable=separable)
        self.box_predictor = head_convolution(channels, anchors * 4, DEVIATION, kernel=1, separable=separable)

    def parts(self, image_size: Size) -> Iterator[Part]:
        """Every layer with weights, and where it works in an image of (height, width)."""
        yield from self.tower.parts("region proposal tower", image_size)
        predictors = (self.class_predictor, self.box_predictor)
        everywhere = count_positions(image_size, self.tower.levels)
        yield Part("region proposal predictors", None, predictors, everywhere)

    def roles(self, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; ``key`` is the network's name."""
        yield from self.tower.roles("rpn_tower", f"{key}.tower")
        yield from convolution_roles(Role("rpn_class_predictor"), f"{key}.class_predictor", self.class_predictor)
        yield from convolution_roles(Role("rpn_box_predictor"), f"{key}.box_predictor", self.box_predictor)

    def forward(self, maps: Mapping[int, Tensor]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """{level: [B, C, h, w]} -> logits {level: [B, A, h, w]}, codes {level: [B, A * 4, h, w]}."""
        canvases, layouts = lay_out(maps)
        canvases = self.tower(canvases, layouts)
        classes = predict(self.class_predictor, canvases, layouts)
        boxes = predict(self.box_predictor, canvases, layouts)
        return dict(zip(maps, classes)), dict(zip(maps, boxes))


def propose(
    logits: Sequence[Tensor],
    codes: Sequence[Tensor],
    anchors: Sequence[Tensor],
    image_size: Size,
    settings: ProposalSettings,
    inclusive: bool = False,
) -> Tensor:
    """Regions of one image, best first: [N, 4] xyxy pixels within the image, N <= ``settings.limit``.

    Equal scores are in the order of levels, then of anchors. A box that clipping has moved entirely to the origin is
    not a region.

    Args:
        logits: [n] for each level.
        codes: [n, 4] for each level.
        anchors: [n, 4] for each level, centre form, pixels.
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
