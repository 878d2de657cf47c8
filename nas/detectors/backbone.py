"""The backbone: stem network, scale-permuted network, endpoints (SpineNet, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from nas.detectors.blocks import ConvNorm, activate, block_group
from nas.detectors.resample import FanOut, Size, feature_size, max_pool, resample
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture, BlockSpec

STEM_CHANNELS = 64
STEM_LEVEL = 1


class Stem(nn.Module):
    """7x7 convolution of stride 2 with 64 channels whatever the scaling, and 3x3 max-pooling of stride 2."""

    def __init__(self, scaling: Scaling) -> None:
        super().__init__()
        self.conv = ConvNorm(3, STEM_CHANNELS, 7, STEM_LEVEL, scaling, stride=2)
        self.activation = scaling.activation

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> [B, 64, ceil(H / 4), ceil(W / 4)]."""
        x = self.conv(images)
        if self.activation == "relu":  # monotone, so it may come after the pooling, on a quarter of the positions
            return activate(max_pool(x, (3, 3), (2, 2)), self.activation)
        return max_pool(activate(x, self.activation), (3, 3), (2, 2))


@dataclass(frozen=True, slots=True)
class Step:
    """What happens at one node, read off the architecture once.

    Attributes:
        name: the node's index, as a key of the module dictionaries.
        level: its feature level.
        parents: (name, level, name of the connection) of each parent; none in the stem.
        merged: names of the nodes whose outputs are added (merge edges).
        channels: of its output.
        targets: the nodes that its connections lead to, by index.
    """

    name: str
    level: int
    parents: tuple[tuple[str, int, str], ...]
    merged: tuple[str, ...]
    channels: int
    targets: dict[int, BlockSpec]


def plan_steps(architecture: Architecture, scaling: Scaling) -> tuple[Step, ...]:
    """One step for each live node, in order."""
    nodes, stem_length, live = architecture.nodes, len(architecture.stem), architecture.live_nodes
    return tuple(
        Step(
            name=str(index),
            level=nodes[index].level,
            parents=tuple((str(parent), nodes[parent].level, f"{parent}-{index}") for parent in nodes[index].parents)
            if index >= stem_length
            else (),
            merged=tuple(str(source) for source, target in architecture.merge_edges if target == index),
            channels=scaling.block_channels(nodes[index].level, nodes[index].block_type),
            targets={target: nodes[target] for target in live[stem_length:] if index in nodes[target].parents},
        )
        for index in live
    )


class Backbone(nn.Module):
    """Every live block of an architecture, its connections, and a 1x1 projection for each output block.

    Submodules by node index: ``groups`` (the blocks), ``fan_outs`` (the narrow ends of the connections that leave a
    node), ``widens`` (their wide ends, by "parent-node"); by level: ``endpoints``.
    """

    def __init__(self, architecture: Architecture, scaling: Scaling) -> None:
        super().__init__()
        nodes, stem_length = architecture.nodes, len(architecture.stem)
        self.steps = plan_steps(architecture, scaling)
        self.outputs = {level: str(index) for level, index in architecture.outputs.items()}
        self.activation = scaling.activation
        self.stem = Stem(scaling)
        self.groups = nn.ModuleDict()
        self.fan_outs = nn.ModuleDict()
        self.widens = nn.ModuleDict()
        self.endpoints = nn.ModuleDict()
        channels = STEM_CHANNELS
        for step in self.steps:
            node, position = nodes[int(step.name)], int(step.name) - stem_length + 1
            for _, level, connection in step.parents:
                self.widens[connection] = ConvNorm(scaling.narrowed_width(level), step.channels, 1, step.level, scaling)
                channels = step.channels
            drop_rate = scaling.stochastic_depth * max(position, 0) / len(architecture.blocks)
            self.groups[step.name] = block_group(node, channels, scaling, drop_rate)
            channels = step.channels
            if step.targets:
                self.fan_outs[step.name] = FanOut(node, step.targets, scaling)
            if node.is_output:
                self.endpoints[str(step.level)] = ConvNorm(
                    channels, scaling.endpoints, 1, step.level, scaling, activation=scaling.activation
                )

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Images [B, 3, H, W] -> {level: [B, endpoints, ceil(H / 2**level), ceil(W / 2**level)]}."""
        image_size = (images.shape[2], images.shape[3])
        features: dict[str, Tensor] = {}
        narrowed: dict[str, dict[int, Tensor]] = {}
        x = self.stem(images)
        for step in self.steps:
            if step.parents:
                x = self._merge(step, image_size, narrowed, features)
            x = features[step.name] = self.groups[step.name](x)
            if step.targets:
                narrowed[step.name] = self.fan_outs[step.name](x)
        return {level: self.endpoints[str(level)](features[name]) for level, name in self.outputs.items()}

    def _merge(
        self, step: Step, image_size: Size, narrowed: dict[str, dict[int, Tensor]], features: dict[str, Tensor]
    ) -> Tensor:
        """The input of a block: the sum over its parents and over the nodes merged into it, activated."""
        size = feature_size(image_size, step.level)
        total, *others = (
            resample(narrowed[parent][int(step.name)], feature_size(image_size, level), size, self.widens[connection])
            for parent, level, connection in step.parents
        )
        for part in (*others, *(features[name] for name in step.merged)):
            total += part
        return activate(total, self.activation)
