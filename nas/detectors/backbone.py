"""The backbone: stem network, scale-permuted network, endpoints (SpineNet, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from nas.detectors.blocks import ConvNorm, activate, block_group
from nas.detectors.resample import (
    FanOut,
    Size,
    check_image_size,
    feature_size,
    max_pool,
    mobile_downs,
    resample,
    side_multiple,
)
from nas.detectors.resnet_fpn import FeaturePyramid
from nas.detectors.scaling import LEVEL_WIDTHS, Scaling
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec

STEM_CHANNELS = 64
STEM_LEVEL = 1


class Stem(nn.Module):
    """7x7 convolution of stride 2 and 3x3 max-pooling of stride 2.

    SpineNet's has 64 channels whatever the width; ResNet's scales like all its layers.
    """

    def __init__(self, family: str, scaling: Scaling) -> None:
        super().__init__()
        channels = int(STEM_CHANNELS * scaling.width) if family == "resnet-fpn" else STEM_CHANNELS
        self.conv = ConvNorm(3, channels, 7, STEM_LEVEL, scaling, stride=2)
        self.activation = scaling.activation
        self.same_pooling = scaling.rules.same_pooling

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> [B, channels, ceil(H / 4), ceil(W / 4)]."""
        x = self.conv(images)
        if self.activation == "relu":  # monotone, so it may come after the pooling, on a quarter of the positions
            return activate(max_pool(x, (3, 3), (2, 2), self.same_pooling), self.activation)
        return max_pool(activate(x, self.activation), (3, 3), (2, 2), self.same_pooling)


def mobile_stem(scaling: Scaling) -> ConvNorm:
    """3x3 convolution of stride 2: images [B, 3, H, W] -> [B, 8 * width, ceil(H / 2), ceil(W / 2)]."""
    channels = int(LEVEL_WIDTHS["mobile"][0] * scaling.width)
    return ConvNorm(3, channels, 3, STEM_LEVEL, scaling, stride=2, activation=scaling.activation)


@dataclass(frozen=True, slots=True)
class Step:
    """What happens at one node, read off the architecture once.

    Attributes:
        name: the node's index, as a key of the module dictionaries.
        level: its feature level.
        parents: (name, level, name of the connection) of each parent; none in the stem.
        merged: names of the nodes whose outputs are added (merge edges).
        channels: of its output.
        stride: of its first block; 2 where the stem goes down a level.
        targets: the nodes that its connections lead to, by index.
    """

    name: str
    level: int
    parents: tuple[tuple[str, int, str], ...]
    merged: tuple[str, ...]
    channels: int
    stride: int
    targets: dict[int, BlockSpec]


def plan_steps(architecture: Architecture, scaling: Scaling) -> tuple[Step, ...]:
    """One step for each live node, in order; the levels of a feature pyramid are none."""
    nodes, stem_length, live = architecture.nodes, len(architecture.stem), architecture.live_nodes
    family = architecture.family
    return tuple(
        Step(
            name=str(index),
            level=nodes[index].level,
            parents=tuple((str(parent), nodes[parent].level, f"{parent}-{index}") for parent in nodes[index].parents)
            if index >= stem_length
            else (),
            merged=tuple(str(source) for source, target in architecture.merge_edges if target == index),
            channels=scaling.block_channels(nodes[index].level, nodes[index].block_type, family),
            stride=2 if 0 < index < stem_length and nodes[index].level > nodes[index - 1].level else 1,
            targets={target: nodes[target] for target in live[stem_length:] if index in nodes[target].parents},
        )
        for index in live
        if nodes[index].block_type != "fpn"
    )


class Backbone(nn.Module):
    """Every live block of an architecture, its connections, and a 1x1 projection for each output block.

    Submodules by node index: ``groups`` (the blocks), ``fan_outs`` (the narrow ends of the connections that leave a
    node), ``widens`` (their wide ends, by "parent-node"), ``downs`` (in the mobile family, what takes a connection
    down, by "parent-node"); by level: ``endpoints``. A ResNet has a ``pyramid`` in place of all but ``groups``.
    """

    def __init__(self, architecture: Architecture, scaling: Scaling) -> None:
        super().__init__()
        self.family = architecture.family
        levels = {architecture.nodes[index].level for index in architecture.live_nodes}
        scaling.check_widths(levels | ({0} if self.family == "mobile" else set()), self.family)
        self.steps = plan_steps(architecture, scaling)
        self.outputs = {level: str(index) for level, index in architecture.outputs.items()}
        self.activation = scaling.activation
        self.rules = scaling.rules
        self.multiple = side_multiple(architecture, scaling.rules)
        self.stem = mobile_stem(scaling) if self.family == "mobile" else Stem(self.family, scaling)
        self.groups, self.fan_outs, self.widens = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.downs, self.endpoints = nn.ModuleDict(), nn.ModuleDict()
        self.pyramid = FeaturePyramid(architecture, scaling) if self.family == "resnet-fpn" else None
        channels = (self.stem if isinstance(self.stem, ConvNorm) else self.stem.conv).weight.shape[0]
        for step in self.steps:
            if step.parents:
                self._add_connections(step, architecture, scaling)
                channels = step.channels
            drop_rate = _drop_rate(int(step.name), architecture, scaling)
            node = architecture.nodes[int(step.name)]
            self.groups[step.name] = block_group(node, channels, scaling, drop_rate, step.stride, self.family)
            channels = step.channels
            if step.targets and self.family == "spinenet":
                self.fan_outs[step.name] = FanOut(node, step.targets, scaling)
            if node.is_output:
                act = scaling.activation if self.rules.endpoint_activation else None
                self.endpoints[str(step.level)] = ConvNorm(
                    channels, scaling.endpoints, 1, step.level, scaling, activation=act
                )

    def _add_connections(self, step: Step, architecture: Architecture, scaling: Scaling) -> None:
        for parent, level, connection in step.parents:
            if self.family == "mobile":
                source = architecture.nodes[int(parent)]
                self.downs[connection] = mobile_downs(source, architecture.nodes[int(step.name)], scaling)
                narrow = scaling.block_width(level, self.family)
            else:
                narrow = scaling.narrowed_width(level)
            self.widens[connection] = ConvNorm(narrow, step.channels, 1, step.level, scaling)

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Images [B, 3, H, W] -> {level: [B, endpoints, ceil(H / 2**level), ceil(W / 2**level)]}.

        Raises:
            ConfigError: a side is no multiple of what the architecture and its convention need.
        """
        image_size = (images.shape[2], images.shape[3])
        check_image_size(image_size, self.multiple)
        features: dict[str, Tensor] = {}
        narrowed: dict[str, dict[int, Tensor]] = {}
        x = self.stem(images)
        for step in self.steps:
            if step.parents:
                x = self._merge(step, image_size, narrowed, features)
            x = features[step.name] = self.groups[step.name](x)
            if step.name in self.fan_outs:
                narrowed[step.name] = self.fan_outs[step.name](x)
        if self.pyramid is not None:
            endpoints: dict[int, Tensor] = self.pyramid(features)
            return endpoints
        return {level: self.endpoints[str(level)](features[name]) for level, name in self.outputs.items()}

    def _merge(
        self, step: Step, image_size: Size, narrowed: dict[str, dict[int, Tensor]], features: dict[str, Tensor]
    ) -> Tensor:
        """The input of a block: the sum over its parents and over the nodes merged into it, activated."""
        size = feature_size(image_size, step.level)
        parts = []
        for parent, level, connection in step.parents:
            if self.family == "mobile":
                x = self.downs[connection](features[parent])
                source_size = (x.shape[2], x.shape[3])
            else:
                x, source_size = narrowed[parent][int(step.name)], feature_size(image_size, level)
            parts.append(resample(x, source_size, size, self.widens[connection], self.rules))
        total, *others = parts
        for part in (*others, *(features[name] for name in step.merged)):
            total += part
        return activate(total, self.activation)


def _drop_rate(index: int, architecture: Architecture, scaling: Scaling) -> float:
    """Stochastic depth rises from block to block of the scale-permuted network, or from level to level of a ResNet."""
    if architecture.family == "resnet-fpn":
        return scaling.stochastic_depth * architecture.nodes[index].level / 5
    position = max(index - len(architecture.stem) + 1, 0)
    return scaling.stochastic_depth * position / (len(architecture.blocks) + scaling.rules.stochastic_depth_extra)
