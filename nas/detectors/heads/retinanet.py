"""RetinaNet on a compiled backbone (arXiv 1708.02002): the head, the detector, its loss and its detections."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from nas.detectors.boxes import MAX_LOG_SIZE
from nas.detectors.convention import CONVENTIONS
from nas.detectors.detections import DetectionSettings
from nas.detectors.detector import Backbone, Detector, RawOutputs, in_evaluation
from nas.detectors.heads.anchors import OCTAVES, anchor_boxes
from nas.detectors.heads.canvases import lay_out
from nas.detectors.heads.fixed_shapes import detections_fixed
from nas.detectors.heads.losses import BOX_WEIGHT, detection_loss, loss_sums
from nas.detectors.heads.postprocess import postprocess
from nas.detectors.heads.towers import Tower, convolution_roles, flatten_levels, head_convolution, predict
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size, count_positions

PRIOR = 0.01  # the foreground probability that an untrained detector predicts


class RetinaNetHead(nn.Module):
    """Class and box predictions at every position of every level, each from its own tower (RetinaNet, section 4)."""

    def __init__(self, outputs: Mapping[int, int], classes: int, anchors: int, scaling: Scaling) -> None:
        """``outputs``: level -> channels, as the backbone declares them."""
        super().__init__()
        self.class_tower = Tower(outputs, scaling.head_depth, scaling)
        self.box_tower = Tower(outputs, scaling.head_depth, scaling)
        width, bias = self.class_tower.channels, -math.log((1 - PRIOR) / PRIOR)
        self.class_predictor = head_convolution(width, anchors * classes, 1e-5, bias, separable=scaling.separable)
        self.box_predictor = head_convolution(width, anchors * 4, 1e-5, separable=scaling.separable)

    def parts(self, image_size: Size) -> Iterator[Part]:
        """Every layer with weights, and where it works in an image of (height, width)."""
        everywhere = count_positions(image_size, self.class_tower.levels)
        for name, tower, predictor in self._branches():
            yield from tower.parts(f"{name} tower", image_size)
            yield Part(f"{name} predictor", None, (predictor,), everywhere)

    def roles(self, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; ``key`` is the head's name."""
        for name, tower, predictor in self._branches():
            yield from tower.roles(f"{name}_tower", f"{key}.{name}_tower")
            yield from convolution_roles(Role(f"{name}_predictor"), f"{key}.{name}_predictor", predictor)

    def _branches(self) -> tuple[tuple[str, Tower, nn.Module], ...]:
        return ("class", self.class_tower, self.class_predictor), ("box", self.box_tower, self.box_predictor)

    def forward(self, maps: Mapping[int, Tensor]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """{level: [B, C, h, w]} -> {level: [B, A * K, h, w]}, {level: [B, A * 4, h, w]}."""
        canvases, layouts = lay_out(maps)
        classes = predict(self.class_predictor, self.class_tower(canvases, layouts), layouts)
        boxes = predict(self.box_predictor, self.box_tower(canvases, layouts), layouts)
        return dict(zip(maps, classes)), dict(zip(maps, boxes))


class RetinaNet(Detector):
    """A RetinaNet detector that is compiled from an architecture. Class 0, the background, is never a target."""

    head_name = "retinanet"
    fixed_names = ("boxes", "scores", "labels", "count")
    divisor_of_whole = 1

    def __init__(self, backbone: Backbone, scaling: Scaling, classes: int) -> None:
        super().__init__(backbone, scaling, classes)
        anchors = OCTAVES * len(CONVENTIONS[scaling.convention].aspect_ratios)
        self.head = RetinaNetHead(backbone.outputs, classes, anchors, scaling)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, dict[int, Tensor]]:
        """Raw outputs for normalised images [B, 3, H, W], with A = 9 anchors and K classes.

        Returns:
            ``class`` {level: [B, A * K, h, w]} logits, ``box`` {level: [B, A * 4, h, w]} codes (ty, tx, th, tw) and
            ``endpoints`` {level: [B, C, h, w]}; h = ceil(H / 2**level), and w likewise.

        Raises:
            ConfigError: a side is not a multiple of what the architecture and its convention need.
        """
        maps = self.features(images)
        classes, boxes = self.head(maps)
        return {"class": classes, "box": boxes, "endpoints": maps}

    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch: ``class`` and ``box``, normalised and weighted scalars; minimise their sum.

        Args:
            raw: what :meth:`forward` returned.
            targets: per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels) and ``labels`` [N] in 1..K-1; N may be 0.
        """
        return detection_loss(*self.flatten(raw), targets)

    def loss_of_part(
        self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]
    ) -> tuple[dict[str, Tensor], Tensor]:
        """As in :class:`Network`; the divisor is the number of positive anchors, and 1 for the whole batch."""
        sums, positives = loss_sums(*self.flatten(raw), targets)
        return {"class": sums["class"], "box": BOX_WEIGHT / 4 * sums["box"]}, positives

    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """Detections in normalised images [B, 3, H, W], best first, computed as in evaluation.

        Returns:
            Per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels, within the image), ``scores`` [N], ``labels`` [N].
        """
        with in_evaluation(self):
            outputs = self.flatten(self(images))
            image_size = (images.shape[2], images.shape[3])
            return postprocess(*outputs, image_size, settings or DetectionSettings(), self.scaling.inclusive_pixels)

    def fixed(self, raw: RawOutputs, image_size: Size, settings: DetectionSettings) -> dict[str, Tensor]:
        """What :meth:`detect` finds in one image, from its raw outputs (see :func:`detections_fixed`)."""
        logits, codes, anchors = self.flatten(raw)
        inclusive = self.scaling.inclusive_pixels
        found = detections_fixed(logits[0], codes[0], anchors, image_size, settings, inclusive)
        return dict(zip(self.fixed_names, found))

    def flatten(self, raw: RawOutputs) -> tuple[Tensor, Tensor, Tensor]:
        """Class logits [B, N, K], box codes [B, N, 4] and anchors [N, 4] of all levels, in the anchors' order."""
        sizes = tuple((level, (x.shape[2], x.shape[3])) for level, x in raw["class"].items())
        device = raw["class"][self.levels[0]].device
        anchors = anchor_boxes(sizes, self.scaling.anchor_size, device, CONVENTIONS[self.scaling.convention])
        classes, boxes = list(raw["class"].values()), list(raw["box"].values())
        return flatten_levels(classes, self.classes), flatten_levels(boxes, 4), anchors

    def head_resolved(self) -> dict[str, Any]:
        """How many anchors, candidates and detections there are."""
        settings = DetectionSettings()
        return {"octaves": OCTAVES, "max_log_size": MAX_LOG_SIZE, **asdict(settings)}

    def head_parts(self, image_size: Size) -> Iterator[Part]:
        """The towers and predictors."""
        yield from self.head.parts(image_size)

    def head_roles(self) -> Iterator[tuple[Role, Weight]]:
        """The towers and predictors."""
        yield from self.head.roles("head")
