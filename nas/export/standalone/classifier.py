"""Image classification."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas.export.standalone.backbone import Backbone
from nas.export.standalone.files import HEADS
from nas.export.standalone.graph import Graph
from nas.export.standalone.layers import resize


class Classifier(nn.Module):
    """The mean of all endpoints at the size of the finest one, its mean over positions, a fully connected layer."""

    def __init__(self, graph: Graph, classes: int) -> None:
        super().__init__()
        self.backbone = Backbone(graph)
        self.predictor = nn.Linear(graph.s.endpoints, classes)

    def forward(self, images: Tensor) -> dict[str, Any]:
        endpoints = self.backbone(images)
        size = next(iter(endpoints.values())).shape[2:]
        mean = torch.stack([resize(x, size) for x in endpoints.values()]).mean(0)
        return {"class": self.predictor(mean.mean((2, 3))), "endpoints": endpoints}

    @torch.no_grad()
    def classify(self, images: Tensor) -> list[dict[str, Tensor]]:
        """The five likeliest classes of each image: ``labels`` [5] and ``scores`` [5], best first."""
        scores, labels = self(images)["class"].softmax(1).topk(min(5, self.predictor.out_features))
        return [{"labels": a, "scores": b} for a, b in zip(labels, scores)]


HEADS["classifier"] = Classifier
