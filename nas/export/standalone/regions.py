"""What Mask R-CNN computes for the regions of an image."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from nas.export.standalone.boxes import anchors, decode, suppress
from nas.export.standalone.layers import activate, batch_norm
from nas.export.standalone.towers import Tower, head_conv


class RegionProposals(nn.Module):
    """Anchors at every position of every level; each has a logit that there is an object, and a box."""

    def __init__(self, s: Any, levels: int) -> None:
        super().__init__()
        self.tower = Tower(s, levels, s.rpn_depth)
        anchors = s.octaves * len(s.aspect_ratios)
        self.class_predictor = head_conv(s.head_channels, anchors, s.separable, kernel=1)
        self.box_predictor = head_conv(s.head_channels, anchors * 4, s.separable, kernel=1)


def propose(logits: dict[int, Tensor], codes: dict[int, Tensor], image: int, size: tuple[int, ...], s: Any) -> Tensor:
    """Regions [R, 4] of image number ``image``: the best of those that suppression within each level keeps."""
    boxes, scores = [], []
    for level, x in logits.items():
        score = x[image].permute(1, 2, 0).flatten().double().sigmoid().float()
        code = codes[level][image].permute(1, 2, 0).reshape(-1, 4)
        order = score.sort(descending=True, stable=True).indices[: s.proposal_candidates]
        box = decode(code[order], anchors(level, x, s)[order], size, s)
        order, box = order[box.any(1)], box[box.any(1)]  # clipping moved the others to the origin
        kept = suppress(box, s.proposal_iou)
        boxes.append(box[kept])
        scores.append(score[order[kept]])
    best = torch.cat(scores).sort(descending=True, stable=True).indices[: s.proposals]
    return torch.cat(boxes)[best]


def align(endpoints: dict[int, Tensor], image: int, boxes: Tensor, size: int, s: Any) -> Tensor:
    """Features [R, C, size, size] of regions [R, 4], each from the level that fits its size.

    A region has size x size bins. The value of a bin is interpolated between the four positions nearest to its middle,
    or it is the mean of several such values in the bin.
    """
    lowest, highest, middle, margin = min(endpoints), max(endpoints), s.canonical_level, 0.0
    if s.roi_levels:
        highest, middle, margin = min(highest, lowest + s.roi_levels - 1), lowest + 2, s.level_margin
    if s.roi_inclusive:
        boxes = boxes + boxes.new_tensor([0, 0, 1, 1])
    sides = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).clamp(min=0).sqrt()
    levels = (middle + ((sides / s.canonical_side + margin).log() / math.log(2)).floor()).clamp(lowest, highest)
    fine = size * s.roi_samples
    middles = (torch.arange(fine, device=boxes.device) + 0.5) / fine
    crops = boxes.new_empty(len(boxes), next(iter(endpoints.values())).shape[1], fine, fine)
    for level, x in endpoints.items():
        x1, y1, x2, y2 = (boxes[levels == level, :, None] / 2**level).unbind(1)
        above, below, down = neighbours(y1 + middles * (y2 - y1), x.shape[2])
        left, right, along = neighbours(x1 + middles * (x2 - x1), x.shape[3])
        above, below, down = above[:, :, None], below[:, :, None], down[:, :, None]
        left, right, along = left[:, None], right[:, None], along[:, None]
        upper = x[image, :, above, left] * (1 - along) + x[image, :, above, right] * along
        lower = x[image, :, below, left] * (1 - along) + x[image, :, below, right] * along
        crops[levels == level] = (upper * (1 - down) + lower * down).transpose(0, 1)
    return nn.functional.avg_pool2d(crops, s.roi_samples)


def neighbours(at: Tensor, length: int) -> tuple[Tensor, Tensor, Tensor]:
    """The positions before and after ``at`` on an axis of ``length``, and how far ``at`` lies between them, 0 to 1."""
    before = at.floor().clamp(max=length - 1)
    return before.long(), (before + 1).clamp(max=length - 1).long(), (at - before).clamp(max=1)


class RegionTower(nn.Module):
    """3x3 convolutions, each followed by batch normalisation."""

    def __init__(self, s: Any, depth: int) -> None:
        super().__init__()
        widths = [s.endpoints] + [s.head_channels] * depth
        self.act, self.channels = s.activation, widths[-1]
        self.convolutions = nn.ModuleList(head_conv(a, b, s.separable) for a, b in pairwise(widths))
        self.norms = nn.ModuleList(batch_norm(width, s) for width in widths[1:])

    def forward(self, x: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms):
            x = activate(norm(convolution(x)), self.act)
        return x


class BoxHead(nn.Module):
    """Crops [R, C, h, w] -> logits [R, K] and codes [R, K, 4]."""

    def __init__(self, s: Any, classes: int) -> None:
        super().__init__()
        self.act = s.activation
        self.tower = RegionTower(s, s.head_depth)
        self.fc = nn.Linear(self.tower.channels * s.box_positions**2, s.fc_channels)
        self.fc_norm = batch_norm(s.fc_channels, s)
        self.class_predictor = nn.Linear(s.fc_channels, classes)
        self.box_predictor = nn.Linear(s.fc_channels, classes * 4)

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        x = self.fc(self.tower(crops).flatten(1))[:, :, None, None]
        x = activate(self.fc_norm(x), self.act).flatten(1)
        return self.class_predictor(x), self.box_predictor(x).unflatten(1, (-1, 4))


class MaskHead(nn.Module):
    """Crops [R, C, h, w] and the class of each [R] -> probabilities [R, 2 * h, 2 * w]."""

    def __init__(self, s: Any, classes: int) -> None:
        super().__init__()
        self.act = s.activation
        self.tower = RegionTower(s, s.head_depth if s.mask_depth is None else s.mask_depth)
        self.upsample = nn.ConvTranspose2d(self.tower.channels, s.head_channels, 2, 2)
        self.norm = batch_norm(s.head_channels, s)
        self.predictor = head_conv(s.head_channels, classes, s.separable, kernel=1)

    def forward(self, crops: Tensor, labels: Tensor) -> Tensor:
        every = self.predictor(activate(self.norm(self.upsample(self.tower(crops))), self.act))
        return every[torch.arange(len(labels)), labels].sigmoid()
