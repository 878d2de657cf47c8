"""RetinaNet (arXiv 1708.02002)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas.export.standalone.backbone import Backbone
from nas.export.standalone.boxes import anchors, decode, flat, select
from nas.export.standalone.files import HEADS
from nas.export.standalone.graph import Graph
from nas.export.standalone.towers import Tower, head_conv


class RetinaNetHead(nn.Module):
    """A tower and a predictor for classes, and another of each for boxes."""

    def __init__(self, s: Any, levels: int, classes: int) -> None:
        super().__init__()
        anchors = s.octaves * len(s.aspect_ratios)
        self.class_tower, self.box_tower = Tower(s, levels, s.head_depth), Tower(s, levels, s.head_depth)
        self.class_predictor = head_conv(self.class_tower.channels, anchors * classes, s.separable)
        self.box_predictor = head_conv(self.box_tower.channels, anchors * 4, s.separable)


class RetinaNet(nn.Module):
    """Nine anchors at every position of every level; each has a logit per class and a box."""

    def __init__(self, graph: Graph, classes: int) -> None:
        super().__init__()
        self.s, self.classes = graph.s, classes
        self.backbone = Backbone(graph)
        self.head = RetinaNetHead(graph.s, len(graph.outputs), classes)

    def forward(self, images: Tensor) -> dict[str, dict[int, Tensor]]:
        """``class`` {level: [B, 9 K, h, w]}, ``box`` {level: [B, 36, h, w]}, ``endpoints`` {level: [B, C, h, w]}."""
        endpoints, head = self.backbone(images), self.head
        levels = list(enumerate(endpoints.items()))
        return {
            "class": {level: head.class_predictor(head.class_tower(x, at)) for at, (level, x) in levels},
            "box": {level: head.box_predictor(head.box_tower(x, at)) for at, (level, x) in levels},
            "endpoints": endpoints,
        }

    @torch.no_grad()
    def detect(
        self, images: Tensor, threshold: float | None = None, iou: float | None = None
    ) -> list[dict[str, Tensor]]:
        """The detections in each image with scores above ``threshold``, best first; None: the default threshold.

        Each image has ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels), ``scores`` [N] and ``labels`` [N].
        """
        raw = self(images)
        logits, codes = flat(raw["class"], self.classes), flat(raw["box"], 4)
        boxes = torch.cat([anchors(level, x, self.s) for level, x in raw["box"].items()])
        boxes = decode(codes, boxes, images.shape[2:], self.s)
        scores = logits.double().sigmoid().float()
        return [select(*image, threshold, iou, self.s) for image in zip(scores, boxes)]


HEADS["retinanet"] = RetinaNet
