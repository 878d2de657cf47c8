"""Image classification on a compiled backbone (SpineNet, section 5.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.detector import Detector, RawOutputs
from nas.detectors.postprocess import DetectionSettings
from nas.detectors.resample import resize_nearest
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture

BEST = 5  # classes that :meth:`Classifier.detect` names


class Classifier(Detector):
    """All endpoints at the finest one's resolution, averaged; global mean; a fully connected layer.

    Attributes:
        classes: outputs; 1001 for ImageNet with the background, as published.
    """

    head_name = "classifier"

    def __init__(self, architecture: Architecture, scaling: Scaling, classes: int) -> None:
        super().__init__(architecture, scaling, classes)
        self.predictor = nn.Linear(self.scaling.endpoints, classes)
        nn.init.normal_(self.predictor.weight, std=0.01)
        nn.init.zeros_(self.predictor.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, Any]:
        """Raw outputs for normalised images [B, 3, H, W].

        Returns:
            ``class`` [B, K] logits and ``endpoints`` {level: [B, C, h, w]}.
        """
        endpoints = self.endpoints(images)
        finest, *coarser = endpoints.values()
        size = (finest.shape[2], finest.shape[3])
        mean = sum((resize_nearest(x, size) for x in coarser), finest) / len(endpoints)
        return {"class": self.predictor(mean.mean((2, 3))), "endpoints": endpoints}

    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """The cross-entropy ``class``.

        Args:
            raw: what :meth:`forward` returned.
            targets: per image ``labels``, one class in 0..K-1, as a tensor of one element.
        """
        labels = torch.stack([target["labels"].reshape(()) for target in targets])
        return {"class": F.cross_entropy(raw["class"], labels)}

    @torch.no_grad()
    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """The likeliest classes of whole images [B, 3, H, W]: per image ``labels`` and ``scores`` [5], best first.

        Args:
            settings: of detections; nothing here depends on them.
        """
        scores, labels = self(images)["class"].softmax(1).topk(min(BEST, self.classes))
        return [{"labels": label, "scores": score} for label, score in zip(labels, scores)]
