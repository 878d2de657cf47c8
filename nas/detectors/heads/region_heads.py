"""What Mask R-CNN computes for each region: the box head and the mask head."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from nas.detectors.heads.towers import SeparableConv, convolution_roles, head_convolution
from nas.detectors.layers import BatchNorm, activate
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling

BOX_SIZE = 7  # positions along a side of the box head's input
MASK_SIZE = 14  # positions along a side of the mask head's input


class RegionTower(nn.Module):
    """3x3 convolutions over the regions' features, each followed by batch normalisation.

    Attributes:
        convolutions, norms: ``depth`` of each.
        channels: channels of the output.
    """

    def __init__(self, channels_in: int, scaling: Scaling, depth: int) -> None:
        super().__init__()
        widths = [channels_in] + [scaling.head_channels] * depth
        area = 1 if scaling.separable else 9  # positions of the kernel that has the deviation
        self.convolutions = nn.ModuleList(
            head_convolution(*pair, deviation=_deviation(area * pair[1]), separable=scaling.separable)
            for pair in pairwise(widths)
        )
        self.norms = nn.ModuleList(BatchNorm(width, scaling) for width in widths[1:])
        self.channels = widths[-1]
        self.activation = scaling.activation

    def roles(self, module: str, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role in ``module``; ``key`` is the tower's name."""
        norms: Iterator[Any] = self.norms.children()
        for at, (convolution, norm) in enumerate(zip(self.convolutions, norms)):
            yield from convolution_roles(Role(module, "conv", index=at), f"{key}.convolutions.{at}", convolution)
            yield from norm.roles(Role(module, "norm", index=at), f"{key}.norms.{at}")

    def forward(self, x: Tensor) -> Tensor:
        """[R, channels_in, h, w] -> [R, channels, h, w]."""
        for convolution, norm in zip(self.convolutions, self.norms):
            x = activate(norm(convolution(x)), self.activation)
        return x


def _deviation(fan_out: int) -> float:
    """Deviation of the initial weights: variance scaling 2 over the outputs, normal."""
    return math.sqrt(2 / fan_out)


class BoxHead(nn.Module):
    """The class of each region, and a box for each class.

    The fully connected layer takes the features in the order channel, row, column (TensorFlow: row, column, channel).
    """

    def __init__(self, channels_in: int, classes: int, scaling: Scaling) -> None:
        super().__init__()
        self.tower = RegionTower(channels_in, scaling, scaling.head_depth)
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

    def parts(self, regions: int) -> Iterator[Part]:
        """Every layer with weights, for that many regions of an image."""
        yield Part("box head convolutions", None, (self.tower,), regions * BOX_SIZE**2)
        dense = (self.fc, self.fc_norm, self.class_predictor, self.box_predictor)
        yield Part("box head dense layers", None, dense, regions)

    def roles(self, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; ``key`` is the head's own."""
        yield from self.tower.roles("box_head", f"{key}.tower")
        yield from convolution_roles(Role("box_head", "fc"), f"{key}.fc", self.fc, "roi_dense")
        yield from self.fc_norm.roles(Role("box_head", "fc_norm"), f"{key}.fc_norm")
        yield from convolution_roles(Role("box_class_predictor"), f"{key}.class_predictor", self.class_predictor)
        yield from convolution_roles(Role("box_box_predictor"), f"{key}.box_predictor", self.box_predictor)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[R, channels_in, 7, 7] -> logits [R, K] and codes [R, 4 * K], class by class ty, tx, th, tw."""
        x = self.fc(self.tower(features).flatten(1))
        x = activate(self.fc_norm(x[:, :, None, None]), self.activation).flatten(1)
        return self.class_predictor(x), self.box_predictor(x)


class MaskHead(nn.Module):
    """A mask of each region for each class, of which only that of the region's own class is computed."""

    def __init__(self, channels_in: int, classes: int, scaling: Scaling) -> None:
        super().__init__()
        depth = scaling.head_depth if scaling.mask_depth is None else scaling.mask_depth
        self.tower = RegionTower(channels_in, scaling, depth)
        self.upsample = nn.ConvTranspose2d(self.tower.channels, scaling.head_channels, 2, stride=2)
        self.norm = BatchNorm(scaling.head_channels, scaling)
        self.predictor: nn.Module = head_convolution(
            scaling.head_channels, classes, _deviation(classes), kernel=1, separable=scaling.separable
        )
        self.activation = scaling.activation
        nn.init.normal_(self.upsample.weight, std=_deviation(4 * scaling.head_channels))
        assert self.upsample.bias is not None
        nn.init.zeros_(self.upsample.bias)

    def parts(self, regions: int) -> Iterator[Part]:
        """Every layer with weights, for that many regions of an image."""
        positions = regions * MASK_SIZE**2
        yield Part("mask head convolutions", None, (self.tower,), positions)
        upsampled = self.upsample.out_channels * positions * 4
        yield Part("mask head convolutions", None, (self.upsample,), positions, outputs=upsampled)
        yield Part("mask head predictor", None, (self.norm, self.predictor), positions * 4)

    def roles(self, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; ``key`` is the head's own."""
        yield from self.tower.roles("mask_head", f"{key}.tower")
        yield from convolution_roles(Role("mask_head", "deconv"), f"{key}.upsample", self.upsample)
        yield from self.norm.roles(Role("mask_head", "deconv_norm"), f"{key}.norm")
        yield from convolution_roles(Role("mask_predictor"), f"{key}.predictor", self.predictor)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """[R, channels_in, 14, 14] and class of each region [R] -> logits [R, 28, 28]."""
        x = activate(self.norm(self.upsample(self.tower(features))), self.activation)
        predictor: Any = self.predictor
        if isinstance(predictor, SeparableConv):
            x, predictor = predictor.depthwise(x), predictor.pointwise
        weight, bias = predictor.weight[labels].flatten(1), predictor.bias[labels]
        logits = torch.bmm(weight.unsqueeze(1), x.flatten(2)) + bias[:, None, None]
        return logits.unflatten(2, x.shape[2:]).squeeze(1)
