"""Image classification on a compiled backbone (SpineNet, section 5.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.detectors.detections import DetectionSettings
from nas.detectors.detector import Backbone, Network, RawOutputs, in_evaluation
from nas.detectors.heads.towers import convolution_roles
from nas.detectors.layers import resize_nearest
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size

BEST = 5  # number of classes that :meth:`Classifier.classify` names


class Classifier(Network):
    """Classifies a whole image. Class 0 is the background, so ImageNet has 1001 classes, as published.

    The backbone's maps are brought to the resolution of the finest one and averaged. Their mean over all positions goes
    through a fully connected layer.
    """

    head_name = "classifier"
    fixed_names = ("logits", "probabilities")

    def __init__(self, backbone: Backbone, scaling: Scaling, classes: int) -> None:
        super().__init__(backbone, scaling, classes)
        (channels,) = set(backbone.outputs.values())
        self.predictor = nn.Linear(channels, classes)
        nn.init.normal_(self.predictor.weight, std=0.01)
        nn.init.zeros_(self.predictor.bias)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, Any]:
        """Raw outputs for normalised images [B, 3, H, W].

        Returns:
            ``class`` [B, K] logits and ``endpoints`` {level: [B, C, h, w]}.
        """
        maps = self.features(images)
        finest, *coarser = maps.values()
        size = (finest.shape[2], finest.shape[3])
        mean = sum((resize_nearest(x, size) for x in coarser), finest) / len(maps)
        return {"class": self.predictor(mean.mean((2, 3))), "endpoints": maps}

    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """The cross-entropy ``class``.

        Args:
            raw: what :meth:`forward` returned.
            targets: per image ``labels``, one class in 0..K-1, as a tensor of one element.
        """
        labels = torch.stack([target["labels"].reshape(()) for target in targets])
        return {"class": F.cross_entropy(raw["class"], labels)}

    def classify(self, images: Tensor) -> list[dict[str, Tensor]]:
        """The likeliest classes of whole images [B, 3, H, W]: per image ``labels`` and ``scores`` [5], best first."""
        with in_evaluation(self):
            scores, labels = self(images)["class"].softmax(1).topk(min(BEST, self.classes))
            return [{"labels": label, "scores": score} for label, score in zip(labels, scores)]

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        """As :meth:`classify`."""
        return self.classify(images)

    def fixed(self, raw: RawOutputs, image_size: Size, settings: DetectionSettings) -> dict[str, Tensor]:
        """``logits`` [1, K] and ``probabilities`` [1, K] of one image; nothing depends on the settings."""
        return dict(zip(self.fixed_names, (raw["class"], raw["class"].softmax(1))))

    def head_resolved(self) -> dict[str, Any]:
        """The head needs no numbers."""
        return {}

    def head_parts(self, image_size: Size) -> Iterator[Part]:
        """The fully connected layer."""
        yield Part("classifier", None, (self.predictor,), positions=1)

    def head_roles(self) -> Iterator[tuple[Role, Weight]]:
        """The fully connected layer."""
        yield from convolution_roles(Role("predictor"), "predictor", self.predictor)
