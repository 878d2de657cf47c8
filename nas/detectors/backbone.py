"""The backbone: stem network, scale-permuted network, endpoints (SpineNet, section 3)."""

from __future__ import annotations

from torch import Tensor, nn

from nas.detectors.blocks import ConvNorm, activate, block_group
from nas.detectors.pointwise import PointwiseSum
from nas.detectors.resample import FanOut, Size, feature_size, max_pool, resample
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture

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


class Backbone(nn.Module):
    """Every live block of an architecture, its connections, and a 1x1 projection for each output block.

    Submodules by node index: ``groups`` (the blocks), ``fan_outs`` (the narrow ends of the connections that leave a
    node), ``merges`` (the wide ends of those that reach it); by level: ``endpoints``.
    """

    def __init__(self, architecture: Architecture, scaling: Scaling) -> None:
        super().__init__()
        self.architecture = architecture
        self.scaling = scaling
        self.stem = Stem(scaling)
        self.groups = nn.ModuleDict()
        self.fan_outs = nn.ModuleDict()
        self.merges = nn.ModuleDict()
        self.endpoints = nn.ModuleDict()
        channels = STEM_CHANNELS
        for index in architecture.live_nodes:
            if architecture.role(index) != "stem":
                channels = self._add_merge(index)
            self._add_group(index, channels)
            channels = self._channels(index)
        for level, index in architecture.outputs.items():
            self.endpoints[str(level)] = ConvNorm(
                self._channels(index), scaling.endpoints, 1, level, scaling, activation=scaling.activation
            )

    def _add_group(self, index: int, channels_in: int) -> None:
        """The blocks of a node, and the narrow ends of the connections that leave it."""
        architecture, scaling = self.architecture, self.scaling
        node, position = architecture.nodes[index], index - len(architecture.stem) + 1
        drop_rate = scaling.stochastic_depth * max(position, 0) / len(architecture.blocks)
        self.groups[str(index)] = block_group(node, channels_in, scaling, drop_rate)
        targets = {
            target: architecture.nodes[target]
            for target in architecture.live_nodes
            if architecture.role(target) != "stem" and index in architecture.nodes[target].parents
        }
        if targets:
            self.fan_outs[str(index)] = FanOut(node, targets, scaling)

    def _add_merge(self, index: int) -> int:
        """The wide ends of the connections that reach a node; returns their channels."""
        nodes, scaling = self.architecture.nodes, self.scaling
        narrow = [scaling.narrowed_width(nodes[parent].level) for parent in nodes[index].parents]
        self.merges[str(index)] = PointwiseSum(narrow, self._channels(index), nodes[index].level, scaling)
        return self._channels(index)

    def _channels(self, index: int) -> int:
        node = self.architecture.nodes[index]
        return self.scaling.block_channels(node.level, node.block_type)

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Images [B, 3, H, W] -> {level: [B, endpoints, ceil(H / 2**level), ceil(W / 2**level)]}."""
        architecture = self.architecture
        image_size = (images.shape[2], images.shape[3])
        features: dict[int, Tensor] = {}
        narrowed: dict[int, dict[int, Tensor]] = {}
        x = self.stem(images)
        for index in architecture.live_nodes:
            if str(index) in self.merges:
                x = self._merge(index, image_size, narrowed, features)
            x = features[index] = self.groups[str(index)](x)
            if str(index) in self.fan_outs:
                narrowed[index] = self.fan_outs[str(index)](x)
        return {level: self.endpoints[str(level)](features[index]) for level, index in architecture.outputs.items()}

    def _merge(
        self, index: int, image_size: Size, narrowed: dict[int, dict[int, Tensor]], features: dict[int, Tensor]
    ) -> Tensor:
        """The input of a block: the sum over its parents and over the blocks merged into it, activated."""
        nodes = self.architecture.nodes
        size = feature_size(image_size, nodes[index].level)
        parts = [
            resample(narrowed[parent][index], feature_size(image_size, nodes[parent].level), size)
            for parent in nodes[index].parents
        ]
        merged = [features[source] for source, target in self.architecture.merge_edges if target == index]
        return activate(self.merges[str(index)](parts, merged), self.scaling.activation)
