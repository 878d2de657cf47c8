"""From images to feature maps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nas.export.standalone.graph import Graph
from nas.export.standalone.layers import BLOCKS, ConvNorm, activate, batch_norm, max_pool, pad_same, resize


class Connection(nn.Module):
    """Gives a block's output the size and channels of another block: narrow, go down or up, widen.

    In the mobile family nothing is narrowed, and each depthwise convolution goes down one level.
    """

    def __init__(self, graph: Graph, parent: int, target: int) -> None:
        super().__init__()
        s, mobile = graph.s, graph.family == "mobile"
        start, end = graph.blocks[parent].level, graph.blocks[target].level
        narrow = graph.channels(parent) if mobile else int(graph.width(start) * s.alpha)
        self.s, self.pools = s, not mobile and end > start
        self.narrow = nn.Identity() if mobile else ConvNorm(graph.channels(parent), narrow, 1, s, act=s.activation)
        groups, steps = (narrow, end - start) if mobile else (1, min(end - start, 1))
        downs = [ConvNorm(narrow, narrow, 3, s, 2, groups, s.activation) for _ in range(steps)]
        self.down = nn.Sequential(*downs) if mobile else downs[0] if downs else nn.Identity()
        self.widen = ConvNorm(narrow, graph.channels(target), 1, s)

    def forward(self, x: Tensor, size: tuple[int, ...]) -> Tensor:
        source = x.shape[2:]
        x = self.down(self.narrow(x))
        if self.pools:
            x = self.pool(x, source, size)
        return self.widen(resize(x, size))

    def pool(self, x: Tensor, source: tuple[int, ...], size: tuple[int, ...]) -> Tensor:
        """Max-pooling for the rest of the way from ``source`` to ``size``, after the strided convolution."""
        if self.s.repeated_pooling:
            while x.shape[2] > size[0] or x.shape[3] > size[1]:
                x = max_pool(x, [3, 3], [2, 2], same=True)
            return x
        kernels, strides = [1, 1], [1, 1]
        for axis, (a, b) in enumerate(zip(source, size)):
            if a // b > 2:
                kernels[axis], strides[axis] = 3 if a <= 4 * b else 5, a // b // 2 if a % b == 0 else 2
        return max_pool(x, kernels, strides, self.s.same_pooling)


class Stem(nn.Module):
    """A 7x7 convolution and 3x3 max-pooling, each of stride 2."""

    def __init__(self, channels: int, s: Any) -> None:
        super().__init__()
        self.conv = ConvNorm(3, channels, 7, s, 2, act=s.activation)
        self.same = s.same_pooling

    def forward(self, x: Tensor) -> Tensor:
        return max_pool(self.conv(x), [3, 3], [2, 2], self.same)


class Backbone(nn.Module):
    """Images [B, 3, H, W] -> {level: [B, endpoints, ceil(H / 2**level), ceil(W / 2**level)]}."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        s, self.graph = graph.s, graph
        mobile = graph.family == "mobile"
        channels = s.stem_channels
        self.stem = ConvNorm(3, channels, 3, s, 2, act=s.activation) if mobile else Stem(channels, s)
        self.groups, self.connections, self.endpoints = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        for at in graph.live:
            block = graph.blocks[at]
            if block.block_type == "fpn":
                continue
            for parent in block.parents if at >= graph.stem else ():
                self.connections[f"{parent}-{at}"] = Connection(graph, parent, at)
                channels = graph.channels(at)
            stride = 2 if 0 < at < graph.stem and block.level > graph.blocks[at - 1].level else 1
            build, width = BLOCKS[block.block_type], graph.channels(at)
            repeated = [build(width, width, s, 1) for _ in range(s.repeats - 1)]
            self.groups[str(at)] = nn.Sequential(build(channels, width, s, stride), *repeated)
            channels = width
            if block.is_output:
                act = s.activation if s.endpoint_activation else None
                self.endpoints[str(block.level)] = ConvNorm(width, s.endpoints, 1, s, act=act)
        if graph.family == "resnet-fpn":
            self.pyramid = Pyramid(graph)
        self.multiple = s.image_multiple  # the sides of images must be multiples, so that feature maps fit each other

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        graph = self.graph
        if any(side % self.multiple for side in images.shape[2:]):
            raise ValueError(f"image sides are {tuple(images.shape[2:])}; they must be multiples of {self.multiple}")
        x = self.stem(images)
        features: dict[int, Tensor] = {}
        for name, group in self.groups.items():
            at = int(name)
            if at >= graph.stem:
                size = tuple(-(-side // 2 ** graph.blocks[at].level) for side in images.shape[2:])
                parts = [self.connections[f"{p}-{at}"](features[p], size) for p in graph.blocks[at].parents]
                parts += [features[source] for source, target in graph.merges if target == at]
                x = activate(torch.stack(parts).sum(0), graph.s.activation)
            x = features[at] = group(x)
        if graph.family == "resnet-fpn":
            maps: dict[int, Tensor] = self.pyramid(features)
            return maps
        return {level: self.endpoints[str(level)](features[at]) for level, at in graph.outputs.items()}


class Pyramid(nn.Module):
    """A feature pyramid network (arXiv 1612.03144); levels above the ResNet's come from strided convolutions."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.act, c = "relu" if graph.s.pyramid_relu else graph.s.activation, graph.s.endpoints
        self.sources = {}
        self.laterals, self.smooths = nn.ModuleDict(), nn.ModuleDict()
        self.coarsers, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for level, at in graph.outputs.items():
            parent = min(graph.blocks[at].parents)
            if parent < graph.stem:
                self.sources[level] = parent
                self.laterals[str(level)] = nn.Conv2d(graph.channels(parent), c, 1)
                self.smooths[str(level)] = nn.Conv2d(c, c, 3, padding=1)
            else:
                self.coarsers[str(level)] = nn.Conv2d(c, c, 3, 2)
            self.norms[str(level)] = batch_norm(c, graph.s)

    def forward(self, features: dict[int, Tensor]) -> dict[int, Tensor]:
        maps: dict[int, Tensor] = {}
        for level in sorted(self.sources, reverse=True):
            maps[level] = self.laterals[str(level)](features[self.sources[level]])
            if level + 1 in maps:
                maps[level] = maps[level] + resize(maps[level + 1], maps[level].shape[2:])
        maps = {level: self.smooths[str(level)](x) for level, x in sorted(maps.items())}
        for name, coarser in self.coarsers.items():
            x = maps[int(name) - 1]
            x = activate(x, self.act) if int(name) - 1 not in self.sources else x
            maps[int(name)] = coarser(pad_same(x, 3, 2))
        return {level: self.norms[str(level)](x) for level, x in maps.items()}
