"""The backbone: stem network, scale-permuted network, endpoints (SpineNet, section 3)."""

from __future__ import annotations

from torch import Tensor, nn

from nas.detectors.blocks import ConvNorm, activate, block_group
from nas.detectors.resample import FanOut, Size, Widen, feature_size, max_pool
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

    Submodules are keyed by node index: ``groups`` (the blocks), ``fan_outs`` (by parent), ``widens`` (by
    "parent-target"); ``endpoints`` by level.
    """

    def __init__(self, architecture: Architecture, scaling: Scaling) -> None:
        super().__init__()
        self.architecture = architecture
        self.scaling = scaling
        self.stem = Stem(scaling)
        self.groups = nn.ModuleDict()
        self.fan_outs = nn.ModuleDict()
        self.widens = nn.ModuleDict()
        nodes, stem_length = architecture.nodes, len(architecture.stem)
        channels = STEM_CHANNELS
        for index in architecture.live_nodes:
            node = nodes[index]
            if index >= stem_length:
                channels = scaling.block_channels(node.level, node.block_type)
            drop_rate = scaling.stochastic_depth * max(index - stem_length + 1, 0) / len(architecture.blocks)
            self.groups[str(index)] = block_group(node, channels, scaling, drop_rate)
            channels = scaling.block_channels(node.level, node.block_type)
        for parent in architecture.live_nodes:
            targets = {index: nodes[index] for index in architecture.live_nodes[stem_length:] if parent in nodes[index].parents}
            if targets:
                self.fan_outs[str(parent)] = FanOut(nodes[parent], targets, scaling)
            for index in targets:
                self.widens[f"{parent}-{index}"] = Widen(nodes[parent], nodes[index], scaling)
        self.endpoints = nn.ModuleDict(
            {str(level): self._endpoint(level, nodes[index].block_type) for level, index in architecture.outputs.items()}
        )

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Images [B, 3, H, W] -> {level: [B, endpoints, ceil(H / 2**level), ceil(W / 2**level)]}."""
        architecture = self.architecture
        image_size = (images.shape[2], images.shape[3])
        features: dict[int, Tensor] = {}
        narrowed: dict[int, dict[int, Tensor]] = {}
        x = self.stem(images)
        for index in architecture.live_nodes:
            if index >= len(architecture.stem):
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
            self.widens[f"{parent}-{index}"](
                narrowed[parent][index], feature_size(image_size, nodes[parent].level), size
            )
            for parent in nodes[index].parents
        ]
        parts += [features[source] for source, target in self.architecture.merge_edges if target == index]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return activate(total, self.scaling.activation)

    def _endpoint(self, level: int, block_type: str) -> ConvNorm:
        channels = self.scaling.block_channels(level, block_type)
        return ConvNorm(channels, self.scaling.endpoints, 1, level, self.scaling, activation=self.scaling.activation)
