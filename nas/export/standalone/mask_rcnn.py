"""Mask R-CNN (arXiv 1703.06870)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas.export.standalone.backbone import Backbone
from nas.export.standalone.boxes import decode, select
from nas.export.standalone.files import HEADS
from nas.export.standalone.graph import Graph
from nas.export.standalone.regions import BoxHead, MaskHead, RegionProposals, align, propose


class MaskRCNN(nn.Module):
    """Finds regions that may hold an object, a class and a box for each of them, and a mask for each detection."""

    def __init__(self, graph: Graph, classes: int) -> None:
        super().__init__()
        self.s = graph.s
        self.backbone = Backbone(graph)
        self.rpn = RegionProposals(graph.s, len(graph.outputs))
        self.box_head, self.mask_head = BoxHead(graph.s, classes), MaskHead(graph.s, classes)

    def forward(self, images: Tensor) -> dict[str, Any]:
        """``class`` {level: [B, 3, h, w]}, ``box`` {level: [B, 12, h, w]}, ``endpoints`` {level: [B, C, h, w]}."""
        endpoints = self.backbone(images)
        maps = {level: self.rpn.tower(x, at) for at, (level, x) in enumerate(endpoints.items())}
        return {
            "class": {level: self.rpn.class_predictor(x) for level, x in maps.items()},
            "box": {level: self.rpn.box_predictor(x) for level, x in maps.items()},
            "endpoints": endpoints,
            "image_size": (images.shape[2], images.shape[3]),
        }

    @torch.no_grad()
    def detect(
        self, images: Tensor, threshold: float | None = None, iou: float | None = None
    ) -> list[dict[str, Tensor]]:
        """The detections in each image with scores above ``threshold``, best first; None: the default threshold.

        Each image has ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels), ``scores`` [N], ``labels`` [N] and ``masks``
        [N, 28, 28], probabilities within the box.
        """
        raw = self(images)
        endpoints, size = raw["endpoints"], raw["image_size"]
        results = []
        for image in range(len(images)):
            regions = propose(raw["class"], raw["box"], image, size, self.s)
            logits, codes = self.box_head(align(endpoints, image, regions, self.s.box_positions, self.s))
            codes = codes / codes.new_tensor(self.s.code_weights)
            x1, y1, x2, y2 = regions[:, None].unbind(-1)
            centred = torch.stack([(y1 + y2) / 2, (x1 + x2) / 2, y2 - y1, x2 - x1], -1)
            boxes = decode(codes, centred.expand_as(codes), size, self.s)
            scores = logits.double().softmax(1).float()
            found = select(scores, boxes, threshold, iou, self.s)
            crops = align(endpoints, image, found["boxes"], self.s.mask_positions, self.s)
            masks = self.mask_head(crops, found["labels"])
            results.append(found | {"masks": masks})
        return results


HEADS["mask_rcnn"] = MaskRCNN
