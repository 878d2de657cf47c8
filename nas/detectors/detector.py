"""What all compiled detectors share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nas.detectors.backbone import Backbone
from nas.detectors.postprocess import DetectionSettings
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture

RawOutputs = Mapping[str, Any]


class Detector(nn.Module, ABC):
    """An architecture compiled with a head.

    Attributes:
        architecture, scaling, classes: what it was built from; class 0 is the background.
        head_name: the head's name, as in ``build_detector(head=...)``.
        levels: of the endpoints, ascending.
    """

    head_name: ClassVar[str]

    def __init__(self, architecture: Architecture, scaling: Scaling, classes: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.scaling = scaling.resolved(self.head_name)
        self.classes = classes
        self.levels = tuple(architecture.outputs)
        self.backbone = Backbone(architecture, self.scaling)

    def endpoints(self, images: Tensor) -> dict[int, Tensor]:
        """Normalised images [B, 3, H, W] -> {level: [B, C, ceil(H / 2**level), ceil(W / 2**level)]}."""
        maps: dict[int, Tensor] = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return maps

    @abstractmethod
    def forward(self, images: Tensor) -> dict[str, Any]:
        """Raw outputs for normalised images [B, 3, H, W]."""

    @abstractmethod
    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch, scalars whose sum is what to minimise."""

    @abstractmethod
    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """What is found in each of the normalised images [B, 3, H, W], best first."""
