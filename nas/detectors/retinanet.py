"""RetinaNet on a compiled backbone: the head, and the detector with its loss and its detections."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from nas.detectors.anchors import ANCHORS_PER_POSITION, anchor_boxes
from nas.detectors.backbone import Backbone
from nas.detectors.blocks import BatchNorm, activate
from nas.detectors.losses import detection_loss
from nas.detectors.packing import Layout, pack, plan_layouts, unpack
from nas.detectors.postprocess import DetectionSettings, postprocess
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture

RawOutputs = Mapping[str, Mapping[int, Tensor]]
PRIOR = 0.01  # the foreground probability that an untrained detector predicts


class Tower(nn.Module):
    """3x3 convolutions shared by all levels, each followed by every level's own batch normalisation; a predictor."""

    def __init__(self, levels: int, channels_out: int, bias: float, scaling: Scaling) -> None:
        super().__init__()
        widths = [scaling.endpoints] + [scaling.head_channels] * scaling.head_depth
        self.convolutions = nn.ModuleList(head_convolution(*pair, deviation=0.01) for pair in pairwise(widths))
        self.norms = nn.ModuleList(
            nn.ModuleList(BatchNorm(width, scaling) for _ in range(levels)) for width in widths[1:]
        )
        self.predictor = head_convolution(widths[-1], channels_out, deviation=1e-5, bias=bias)
        self.activation = scaling.activation

    def forward(self, canvases: Sequence[Tensor], layouts: Sequence[Layout]) -> list[Tensor]:
        """Canvases [B, endpoints, H, W] that hold all levels -> maps [B, channels_out, h, w], one for each level."""
        for convolution, norms in zip(self.convolutions, self.norms):
            per_level = iter(norms.children())
            canvases = [
                activate(
                    pack([next(per_level)(x) for x in unpack(convolution(canvas), layout)], layout), self.activation
                )
                for canvas, layout in zip(canvases, layouts)
            ]
        return [x for canvas, layout in zip(canvases, layouts) for x in unpack(self.predictor(canvas), layout)]


def head_convolution(channels_in: int, channels_out: int, deviation: float, bias: float = 0.0) -> nn.Conv2d:
    """A 3x3 convolution with normally distributed weights and a constant bias."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, padding=1)
    nn.init.normal_(convolution.weight, std=deviation)
    assert convolution.bias is not None
    nn.init.constant_(convolution.bias, bias)
    return convolution


class RetinaNetHead(nn.Module):
    """Class and box predictions at every position of every level."""

    def __init__(self, levels: int, classes: int, scaling: Scaling) -> None:
        super().__init__()
        self.class_tower = Tower(levels, ANCHORS_PER_POSITION * classes, -math.log((1 - PRIOR) / PRIOR), scaling)
        self.box_tower = Tower(levels, ANCHORS_PER_POSITION * 4, 0.0, scaling)

    def forward(self, endpoints: Mapping[int, Tensor]) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """{level: [B, endpoints, h, w]} -> {level: [B, A * K, h, w]}, {level: [B, A * 4, h, w]}."""
        layouts = plan_layouts(tuple((x.shape[2], x.shape[3]) for x in endpoints.values()))
        maps = iter(endpoints.values())
        canvases = [pack([next(maps) for _ in layout.sizes], layout) for layout in layouts]
        classes, boxes = (tower(canvases, layouts) for tower in (self.class_tower, self.box_tower))
        return dict(zip(endpoints, classes)), dict(zip(endpoints, boxes))


class Detector(nn.Module):
    """A RetinaNet detector compiled from an architecture.

    Attributes:
        architecture, scaling, classes: what it was built from; class 0 is the background and never a target.
    """

    def __init__(self, architecture: Architecture, scaling: Scaling, classes: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.scaling = scaling
        self.classes = classes
        self.levels = tuple(architecture.outputs)
        self.backbone = Backbone(architecture, scaling)
        self.head = RetinaNetHead(len(self.levels), classes, scaling)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, dict[int, Tensor]]:
        """Raw outputs for normalised images [B, 3, H, W], with A = 9 anchors and K classes.

        Returns:
            ``class`` {level: [B, A * K, h, w]} logits, ``box`` {level: [B, A * 4, h, w]} codes (ty, tx, th, tw) and
            ``endpoints`` {level: [B, C, h, w]}; h = ceil(H / 2**level), and w likewise.
        """
        endpoints = self.backbone(images.contiguous(memory_format=torch.channels_last))
        classes, boxes = self.head(endpoints)
        return {"class": classes, "box": boxes, "endpoints": endpoints}

    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch: ``class`` and ``box``, scalars, normalised and weighted; minimise their sum.

        Args:
            raw: what :meth:`forward` returned.
            targets: per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels) and ``labels`` [N] in 1..K-1; N may be 0.
        """
        return detection_loss(*self._flatten(raw), targets)

    @torch.no_grad()
    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """Detections in normalised images [B, 3, H, W], best first.

        Returns:
            Per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels, within the image), ``scores`` [N], ``labels`` [N].
            The detector's own mode decides on batch statistics: call ``eval()`` first.
        """
        image_size = (images.shape[2], images.shape[3])
        return postprocess(*self._flatten(self(images)), image_size, settings or DetectionSettings())

    def _flatten(self, raw: RawOutputs) -> tuple[Tensor, Tensor, Tensor]:
        """Class logits [B, N, K], box codes [B, N, 4] and anchors [N, 4] of all levels, in the order of anchors."""
        sizes = tuple((level, (x.shape[2], x.shape[3])) for level, x in raw["class"].items())
        anchors = anchor_boxes(sizes, self.scaling.anchor_size, raw["class"][self.levels[0]].device)
        return _concatenate(raw["class"], self.classes), _concatenate(raw["box"], 4), anchors


def _concatenate(outputs: Mapping[int, Tensor], channels: int) -> Tensor:
    """{level: [B, A * channels, h, w]} -> [B, N, channels], N over levels, rows, columns, anchors."""
    return torch.cat([x.permute(0, 2, 3, 1).flatten(1).unflatten(1, (-1, channels)) for x in outputs.values()], 1)
