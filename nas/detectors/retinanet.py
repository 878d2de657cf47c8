"""RetinaNet on a compiled backbone: the head, and the detector with its loss and its detections."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nas.detectors.anchors import OCTAVES, anchor_boxes
from nas.detectors.detector import Detector, RawOutputs
from nas.detectors.head_layers import Tower, flatten_levels, head_convolution, predict
from nas.detectors.losses import detection_loss
from nas.detectors.packing import pack, plan_layouts
from nas.detectors.postprocess import DetectionSettings, postprocess
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture

PRIOR = 0.01  # the foreground probability that an untrained detector predicts


class RetinaNetHead(nn.Module):
    """Class and box predictions at every position of every level, from a tower each (RetinaNet, section 4)."""

    def __init__(self, levels: int, classes: int, anchors: int, scaling: Scaling) -> None:
        super().__init__()
        self.class_tower = Tower(levels, scaling.head_depth, scaling.head_channels, scaling)
        self.box_tower = Tower(levels, scaling.head_depth, scaling.head_channels, scaling)
        width, bias = self.class_tower.channels, -math.log((1 - PRIOR) / PRIOR)
        self.class_predictor = head_convolution(width, anchors * classes, 1e-5, bias, separable=scaling.separable)
        self.box_predictor = head_convolution(width, anchors * 4, 1e-5, separable=scaling.separable)

    def forward(self, endpoints: Mapping[int, Tensor]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """{level: [B, endpoints, h, w]} -> {level: [B, A * K, h, w]}, {level: [B, A * 4, h, w]}."""
        layouts = plan_layouts(tuple((x.shape[2], x.shape[3]) for x in endpoints.values()))
        maps = iter(endpoints.values())
        canvases = [pack([next(maps) for _ in layout.sizes], layout) for layout in layouts]
        classes = predict(self.class_predictor, self.class_tower(canvases, layouts), layouts)
        boxes = predict(self.box_predictor, self.box_tower(canvases, layouts), layouts)
        return dict(zip(endpoints, classes)), dict(zip(endpoints, boxes))


class RetinaNet(Detector):
    """A RetinaNet detector compiled from an architecture; the background, class 0, is never a target."""

    head_name = "retinanet"

    def __init__(self, architecture: Architecture, scaling: Scaling, classes: int) -> None:
        super().__init__(architecture, scaling, classes)
        anchors = OCTAVES * len(self.scaling.rules.aspect_ratios)
        self.head = RetinaNetHead(len(self.levels), classes, anchors, self.scaling)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, dict[int, Tensor]]:
        """Raw outputs for normalised images [B, 3, H, W], with A = 9 anchors and K classes.

        Returns:
            ``class`` {level: [B, A * K, h, w]} logits, ``box`` {level: [B, A * 4, h, w]} codes (ty, tx, th, tw) and
            ``endpoints`` {level: [B, C, h, w]}; h = ceil(H / 2**level), and w likewise.

        Raises:
            ConfigError: a side is no multiple of what the architecture and its convention need.
        """
        endpoints = self.endpoints(images)
        classes, boxes = self.head(endpoints)
        return {"class": classes, "box": boxes, "endpoints": endpoints}

    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch: ``class`` and ``box``, scalars, normalised and weighted; minimise their sum.

        Args:
            raw: what :meth:`forward` returned.
            targets: per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels) and ``labels`` [N] in 1..K-1; N may be 0.
        """
        return detection_loss(*self.flatten(raw), targets)

    @torch.no_grad()
    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """Detections in normalised images [B, 3, H, W], best first.

        Returns:
            Per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels, within the image), ``scores`` [N], ``labels`` [N].
            The detector's own mode decides on batch statistics: call ``eval()`` first.
        """
        image_size = (images.shape[2], images.shape[3])
        settings = settings or DetectionSettings()
        return postprocess(*self.flatten(self(images)), image_size, settings, self.scaling.inclusive_pixels)

    def flatten(self, raw: RawOutputs) -> tuple[Tensor, Tensor, Tensor]:
        """Class logits [B, N, K], box codes [B, N, 4] and anchors [N, 4] of all levels, in the order of anchors."""
        sizes = tuple((level, (x.shape[2], x.shape[3])) for level, x in raw["class"].items())
        device = raw["class"][self.levels[0]].device
        anchors = anchor_boxes(sizes, self.scaling.anchor_size, device, self.scaling.rules)
        classes, boxes = list(raw["class"].values()), list(raw["box"].values())
        return flatten_levels(classes, self.classes), flatten_levels(boxes, 4), anchors
