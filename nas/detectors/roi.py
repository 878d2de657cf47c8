"""What Mask R-CNN computes for each region: ROIAlign over all levels, the box head and the mask head."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import roi_align

from nas.detectors.anchors import decode, encode
from nas.detectors.blocks import BatchNorm, activate
from nas.detectors.convention import TPU, Convention
from nas.detectors.head_layers import SeparableConv, head_convolution
from nas.detectors.resample import Size
from nas.detectors.scaling import Scaling

BOX_SIZE = 7  # positions along a side of what the box head takes
MASK_SIZE = 14  # and the mask head
CANONICAL_SIDE, CANONICAL_LEVEL = 224.0, 4  # a region of this side is looked up at this level (arXiv 1612.03144)
LEVEL_MARGIN = 1e-6 / 4  # mmdetection 1 adds 1e-6 to a side over 56 pixels before it takes the logarithm
CODE_WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of ty, tx, th, tw in the box head


def roi_levels(boxes: Tensor, lowest: int, highest: int, rules: Convention = TPU) -> Tensor:
    """Level at which each region [R, 4] is looked up: floor(4 + log2(sqrt(area) / 224)), clipped to what there is.

    Where ``rules.roi_levels`` is given, 2 above the lowest takes the place of 4, and so many levels are all there are.
    """
    x1, y1, x2, y2 = whole_regions(boxes.float(), rules).unbind(1)
    side = ((x2 - x1) * (y2 - y1)).clamp(min=0).sqrt() / CANONICAL_SIDE
    canonical = CANONICAL_LEVEL
    if rules.roi_levels is not None:
        side, canonical, highest = side + LEVEL_MARGIN, lowest + 2, min(highest, lowest + rules.roi_levels - 1)
    return ((side.log() / math.log(2)).floor() + canonical).clamp(lowest, highest).long()


def whole_regions(boxes: Tensor, rules: Convention) -> Tensor:
    """Regions [R, 4] (xyxy pixels) with their far corner behind the last pixel, where the convention counts it in."""
    return boxes + boxes.new_tensor([0.0, 0.0, 1.0, 1.0]) if rules.roi_inclusive else boxes


def align_regions(
    endpoints: Mapping[int, Tensor], rois: Sequence[Tensor], size: int, rules: Convention = TPU
) -> Tensor:
    """Features of regions, each from its own level: [R, C, size, size], R over the images, then their regions.

    One bilinear sample at the middle of each of size x size bins, positions counted from the first one's centre (no
    shift by half a position); beyond the far edges the last position counts. So it is in the TPU release
    (``ops/spatial_transform_ops.py``) and in TF Model Garden. mmdetection 1.1 (``ops/roi_align``, ``aligned=False``)
    differs in what ``rules`` says: the mean of 2 x 2 samples, each in the middle of its quarter of the bin.

    Args:
        endpoints: {level: [B, C, h, w]}.
        rois: of each image [r, 4], xyxy pixels, none below 0; r may be 0.
    """
    boxes = torch.cat(list(rois))
    counts = torch.tensor([len(image) for image in rois], device=boxes.device)
    images = torch.arange(len(rois), device=boxes.device).repeat_interleave(counts)
    levels = roi_levels(boxes, min(endpoints), max(endpoints), rules)
    boxes = whole_regions(boxes, rules)
    crops, places = [], []
    for level, x in endpoints.items():
        rows = (levels == level).nonzero().squeeze(1)
        crops.append(align_level(x, images[rows], boxes[rows] / 2**level, size, rules.roi_samples))
        places.append(rows)
    return torch.cat(crops)[torch.cat(places).argsort()]


def align_level(x: Tensor, images: Tensor, corners: Tensor, size: int, samples: int = 1) -> Tensor:
    """Crops [R, C, size, size] of maps [B, C, h, w]: of map number ``images`` [R] at corners [R, 4] (xyxy, positions).

    Each value is the mean of ``samples`` x ``samples``.

    torchvision's operator does it within the map if it is asked to shift by half a position, and given corners shifted
    the other way: without a shift it would take no region for smaller than one position.
    """
    work = torch.promote_types(x.dtype, torch.float32)
    wide, corners = x.to(work), corners.to(work)
    indexed = torch.cat([images[:, None].to(work), corners + 0.5], dim=1)
    crops: Tensor = roi_align(wide, indexed, size, 1.0, samples, aligned=True)
    beyond = ((corners[:, 2] > x.shape[3]) | (corners[:, 3] > x.shape[2])).nonzero().squeeze(1)
    if len(beyond):
        fine = _align_beyond(wide, images[beyond], corners[beyond], size * samples)
        crops = crops.index_copy(0, beyond, F.avg_pool2d(fine, samples))
    return crops.to(x.dtype)


def _align_beyond(x: Tensor, images: Tensor, corners: Tensor, size: int) -> Tensor:
    """:func:`align_level`, of one sample, for corners beyond the far edges of the maps, position by position."""
    x0, y0, x1, y1 = corners[:, :, None].unbind(1)
    steps = (torch.arange(size, device=corners.device, dtype=corners.dtype) + 0.5) / size
    columns, rows = x0 + steps * (x1 - x0), y0 + steps * (y1 - y0)
    left, right, to_right = _neighbours(columns[:, None, :], x.shape[3])
    above, below, down = _neighbours(rows[:, :, None], x.shape[2])
    at = images[:, None, None]
    upper = x[at, :, above, left] * (1 - to_right) + x[at, :, above, right] * to_right
    lower = x[at, :, below, left] * (1 - to_right) + x[at, :, below, right] * to_right
    return (upper * (1 - down) + lower * down).permute(0, 3, 1, 2)


def _neighbours(positions: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Of positions on an axis the indices before and after, at most count - 1, and the share of the latter [..., 1]."""
    before = positions.floor().clamp(0, count - 1)
    share = (positions - before).clamp(0, 1)
    return before.long(), (before + 1).clamp(max=count - 1).long(), share[..., None]


class RegionTower(nn.Module):
    """3x3 convolutions over the regions' features, each followed by batch normalisation.

    Attributes:
        convolutions, norms: ``depth`` of each.
        channels: of the output.
    """

    def __init__(self, scaling: Scaling, depth: int) -> None:
        super().__init__()
        widths = [scaling.endpoints] + [scaling.head_channels] * depth
        area = 1 if scaling.separable else 9  # of the kernel that is initialised with the deviation
        self.convolutions = nn.ModuleList(
            head_convolution(*pair, deviation=_deviation(area * pair[1]), separable=scaling.separable)
            for pair in pairwise(widths)
        )
        self.norms = nn.ModuleList(BatchNorm(width, scaling) for width in widths[1:])
        self.channels = widths[-1]
        self.activation = scaling.activation

    def forward(self, x: Tensor) -> Tensor:
        """[R, endpoints, h, w] -> [R, channels, h, w]."""
        for convolution, norm in zip(self.convolutions, self.norms):
            x = activate(norm(convolution(x)), self.activation)
        return x


def _deviation(fan_out: int) -> float:
    """Of the initial weights: variance scaling 2 over the outputs, normal."""
    return math.sqrt(2 / fan_out)


class BoxHead(nn.Module):
    """Class and box of each region, the box for each class apart.

    The fully connected layer takes the features in the order channel, row, column (TensorFlow: row, column, channel).
    """

    def __init__(self, classes: int, scaling: Scaling) -> None:
        super().__init__()
        self.tower = RegionTower(scaling, scaling.head_depth)
        self.fc = nn.Linear(self.tower.channels * BOX_SIZE**2, scaling.fc_channels)
        self.fc_norm = BatchNorm(scaling.fc_channels, scaling)
        self.class_predictor = nn.Linear(scaling.fc_channels, classes)
        self.box_predictor = nn.Linear(scaling.fc_channels, classes * 4)
        self.activation = scaling.activation
        nn.init.xavier_uniform_(self.fc.weight)
        nn.init.normal_(self.class_predictor.weight, std=0.01)
        nn.init.normal_(self.box_predictor.weight, std=0.001)
        for layer in (self.fc, self.class_predictor, self.box_predictor):
            nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[R, endpoints, 7, 7] -> logits [R, K] and codes [R, 4 * K], class by class ty, tx, th, tw."""
        x = self.fc(self.tower(features).flatten(1))
        x = activate(self.fc_norm(x[:, :, None, None]), self.activation).flatten(1)
        return self.class_predictor(x), self.box_predictor(x)


class MaskHead(nn.Module):
    """The mask of each region, for each class apart; only that of a region's own class is computed."""

    def __init__(self, classes: int, scaling: Scaling) -> None:
        super().__init__()
        depth = scaling.head_depth if scaling.mask_depth is None else scaling.mask_depth
        self.tower = RegionTower(scaling, depth)
        self.upsample = nn.ConvTranspose2d(self.tower.channels, scaling.head_channels, 2, stride=2)
        self.norm = BatchNorm(scaling.head_channels, scaling)
        self.predictor: nn.Module = head_convolution(
            scaling.head_channels, classes, _deviation(classes), kernel=1, separable=scaling.separable
        )
        self.activation = scaling.activation
        nn.init.normal_(self.upsample.weight, std=_deviation(4 * scaling.head_channels))
        assert self.upsample.bias is not None
        nn.init.zeros_(self.upsample.bias)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """[R, endpoints, 14, 14] and class of each region [R] -> logits [R, 28, 28]."""
        x = activate(self.norm(self.upsample(self.tower(features))), self.activation)
        predictor: Any = self.predictor
        if isinstance(predictor, SeparableConv):
            x, predictor = predictor.depthwise(x), predictor.pointwise
        weight, bias = predictor.weight[labels].flatten(1), predictor.bias[labels]
        logits = torch.bmm(weight.unsqueeze(1), x.flatten(2)) + bias[:, None, None]
        return logits.unflatten(2, x.shape[2:]).squeeze(1)


def decode_regions(codes: Tensor, rois: Tensor, image_size: Size, inclusive: bool = False) -> Tensor:
    """Boxes [R, 4] (xyxy, within the image) from the box head's codes [R, 4] for regions [R, 4] (xyxy)."""
    return decode(codes / codes.new_tensor(CODE_WEIGHTS), to_centres(rois), image_size, inclusive)


def encode_regions(boxes: Tensor, rois: Tensor, inclusive: bool = False) -> Tensor:
    """The inverse of :func:`decode_regions`: codes [R, 4] that lead from regions [R, 4] to boxes [R, 4]."""
    last = boxes.new_tensor([0.0, 0.0, 1.0, 1.0]) * inclusive
    return encode(boxes + last, to_centres(rois + last)) * boxes.new_tensor(CODE_WEIGHTS)


def to_centres(boxes: Tensor) -> Tensor:
    """x1, y1, x2, y2 [N, 4] -> centre y, centre x, height, width [N, 4]."""
    x1, y1, x2, y2 = boxes.unbind(-1)
    return torch.stack([(y1 + y2) / 2, (x1 + x2) / 2, y2 - y1, x2 - x1], dim=-1)
