"""A detector as plain PyTorch modules. This file needs torch and nothing else.

Beside it lie ``architecture.json`` (the graph of blocks, and how large they are made) and ``weights.safetensors``::

    import detector

    network = detector.load("path/to/this/folder")
    raw = network(images)              # images [B, 3, H, W]: RGB from 0 to 1, less MEAN, divided by DEVIATION
    found = network.detect(images)     # what is in each image, best first

A block has a level: its feature maps are 2**level times smaller than the image. Blocks do not come in the order of
their levels (SpineNet, arXiv 1912.05027), so the connections between them change the resolution. :class:`Graph` says
who is connected with whom, :class:`Backbone` computes the feature maps, and a head turns them into predictions.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

WIDTHS = {
    "spinenet": {1: 32, 2: 64, 3: 128, 4: 256, 5: 256, 6: 256, 7: 256},
    "mobile": {0: 8, 1: 16, 2: 24, 3: 40, 4: 80, 5: 112, 6: 112, 7: 112},
    "resnet-fpn": {1: 32, 2: 64, 3: 128, 4: 256, 5: 512, 6: 512, 7: 512},
}
"""Family of networks -> level -> channels of a block before the width multiplier."""

ASPECT_RATIOS = {"tpu": (1.0, 2.0, 0.5), "model_garden": (0.5, 1.0, 2.0), "mmdet": (2.0, 1.0, 0.5)}
"""Convention -> width / height of a position's anchors, in order."""


def convention(name: str) -> dict[str, Any]:
    """How the code base that trained the weights pads, pools, activates and places anchors."""
    garden, mmdet = name == "model_garden", name == "mmdet"
    return {
        "same_convolutions": garden,  # a strided convolution pads as little as possible, and last
        "same_pooling": not mmdet,  # so does max-pooling
        "repeated_pooling": garden,  # 3x3 of stride 2 again and again, rather than one larger step
        "endpoint_activation": not mmdet,
        "pyramid_relu": name == "tpu",
        "hard_gate": garden,  # in squeeze-and-excite, with ReLU rather than swish before it
        "aspect_ratios": ASPECT_RATIOS[name],
        "pixel_anchors": mmdet,  # corners of anchors lie on whole pixels
        "roi_candidates": 5000 if garden else 1000,
        "roi_samples": 2 if mmdet else 1,  # along a side of each bin of a region
        "roi_inclusive": mmdet,  # a region's last pixel counts in
        "roi_levels": 4 if mmdet else None,  # regions are looked up at the lowest ones alone
    }


class Graph:
    """What ``architecture.json`` says: the blocks by number, stem first, and the scaling ``s``."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.s = SimpleNamespace(**description["scaling"], **convention(description["scaling"]["convention"]))
        self.blocks = [SimpleNamespace(**block) for block in description["stem"] + description["blocks"]]
        self.stem = len(description["stem"])
        types = {block.block_type for block in self.blocks}
        self.family = "mobile" if "mbconv" in types else "resnet-fpn" if "fpn" in types else "spinenet"
        self.merges = list(self._merges())
        self.outputs = dict(sorted((b.level, at) for at, b in enumerate(self.blocks) if b.is_output))
        self.live = sorted(self._sources_of(set(self.outputs.values())) | set(range(self.stem)))

    def _merges(self) -> Iterator[tuple[int, int]]:
        """(block, output): a block that nothing reads yet when an output of its kind is built is added into that."""
        read = set()
        for at, block in enumerate(self.blocks):
            read.update(block.parents)
            for earlier in range(at) if block.is_output else ():
                twin = self.blocks[earlier]
                if earlier not in read and (twin.level, twin.block_type) == (block.level, block.block_type):
                    read.add(earlier)
                    yield earlier, at

    def _sources_of(self, found: set[int]) -> set[int]:
        """All blocks that lead to those in ``found``; the others are not built."""
        for at in reversed(range(len(self.blocks))):
            if at in found:
                found |= {*self.blocks[at].parents, *(source for source, target in self.merges if target == at)}
        return found

    def targets(self, parent: int) -> tuple[list[int], list[int]]:
        """The blocks that read ``parent``: those at coarser levels, and the others."""
        readers = [at for at in self.live if at >= self.stem and parent in self.blocks[at].parents]
        below = [at for at in readers if self.blocks[at].level > self.blocks[parent].level]
        return below, [at for at in readers if at not in below]

    def width(self, level: int) -> int:
        """Channels of a block's 3x3 convolutions, or of a mobile block's output."""
        return int(WIDTHS[self.family][level] * self.s.width)

    def channels(self, at: int) -> int:
        """Channels of a block's output."""
        block = self.blocks[at]
        return self.width(block.level) * (4 if block.block_type == "bottleneck" else 1)


# ----------------------------------------------------------------------------------------------------------------------
# The files beside this one.


HEADS: dict[str, type[nn.Module]] = {}
"""Name of the head in ``architecture.json`` -> class of the network."""


def load(folder: str | Path) -> nn.Module:
    """The network in a folder, with its weights, ready to detect."""
    description = json.loads((Path(folder) / "architecture.json").read_text(encoding="utf-8"))
    graph = Graph(description)
    network = HEADS[description["head"]](graph, description["classes"])
    network.load_state_dict(plain_names(read_safetensors(Path(folder) / "weights.safetensors"), graph))
    return network.eval()


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Eight bytes with the length of a JSON header, the header (type, shape and place of each tensor), the tensors."""
    data = bytearray(path.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        kind = types[entry["dtype"]]
        flat = torch.frombuffer(data, dtype=kind, count=(end - start) // kind.itemsize, offset=8 + length + start)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def plain_names(tensors: dict[str, Tensor], graph: Graph) -> dict[str, Tensor]:
    """The weights by the names of the modules below.

    In the file the narrow ends of all connections that leave a block are one tensor, those that go down first; here
    every connection has its own.
    """
    named = {}
    for name, value in tensors.items():
        part, _, rest = name.removeprefix("backbone.").partition(".")
        if part == "fan_outs":
            parent, kind, rest = rest.split(".", 2)
            below, others = graph.targets(int(parent))
            targets = below if kind == "down" else below + others
            for target, own in zip(targets, value.chunk(len(targets))):
                named[f"backbone.connections.{parent}-{target}.{kind}.{rest}"] = own
        elif part in ("widens", "downs"):
            connection, rest = rest.split(".", 1)
            named[f"backbone.connections.{connection}.{part.removesuffix('s')}.{rest}"] = value
        else:
            named[name] = value
    return named


# ----------------------------------------------------------------------------------------------------------------------
# Small parts, and the blocks.


def activate(x: Tensor, name: str) -> Tensor:
    """ReLU or swish."""
    return F.relu(x) if name == "relu" else F.silu(x)


def batch_norm(channels: int, s: Any) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, s.bn_epsilon, s.bn_momentum)


def same_padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    """Before and after: as little as makes ceil(length / stride) positions, the odd one after."""
    total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2


def pad_same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Zeros around [B, C, H, W], as :func:`same_padding` says."""
    return F.pad(x, same_padding(x.shape[3], kernel, stride) + same_padding(x.shape[2], kernel, stride))


def max_pool(x: Tensor, kernels: list[int], strides: list[int], same: bool) -> Tensor:
    """Max-pooling; unless ``same``, padded by half the kernel on both sides."""
    if not same:
        return F.max_pool2d(x, kernels, strides, [kernel // 2 for kernel in kernels])
    before = [same_padding(*axis)[0] for axis in zip(x.shape[2:], kernels, strides)]
    return F.max_pool2d(x, kernels, strides, before, ceil_mode=True)


def resize(x: Tensor, size: tuple[int, ...]) -> Tensor:
    """Nearest neighbour."""
    return F.interpolate(x, size=size, mode="nearest")


class ConvNorm(nn.Conv2d):
    """Convolution without bias, batch normalisation, and maybe an activation."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int, s: Any, stride: int = 1, groups: int = 1, act: str | None = None
    ) -> None:
        super().__init__(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = batch_norm(c_out, s)
        self.same, self.act = s.same_convolutions and stride > 1, act
        if self.same:
            self.padding = (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        x = pad_same(x, self.kernel_size[0], self.stride[0]) if self.same else x
        x = self.norm(super().forward(x))
        return activate(x, self.act) if self.act else x


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1; the shortcut is a 1x1 convolution where the shape changes."""

    def __init__(self, c_in: int, c_out: int, s: Any, stride: int) -> None:
        super().__init__()
        self.act = s.activation
        self.reduce = ConvNorm(c_in, c_out // 4, 1, s, act=self.act)
        self.conv = ConvNorm(c_out // 4, c_out // 4, 3, s, stride, act=self.act)
        self.expand = ConvNorm(c_out // 4, c_out, 1, s)
        self.projection = ConvNorm(c_in, c_out, 1, s, stride) if c_in != c_out or stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return activate(self.expand(self.conv(self.reduce(x))) + self.projection(x), self.act)


class Residual(nn.Module):
    """Two 3x3 convolutions; the shortcut as above."""

    def __init__(self, c_in: int, c_out: int, s: Any, stride: int) -> None:
        super().__init__()
        self.act = s.activation
        self.first = ConvNorm(c_in, c_out, 3, s, stride, act=self.act)
        self.second = ConvNorm(c_out, c_out, 3, s)
        self.projection = ConvNorm(c_in, c_out, 1, s, stride) if c_in != c_out or stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return activate(self.second(self.first(x)) + self.projection(x), self.act)


class MBConv(nn.Module):
    """1x1 to six times the channels, depthwise 3x3, squeeze-and-excite, 1x1; a shortcut where the shape stays."""

    def __init__(self, c_in: int, c_out: int, s: Any, stride: int) -> None:
        super().__init__()
        self.expand = ConvNorm(c_in, 6 * c_in, 1, s, act=s.activation)
        self.depthwise = ConvNorm(6 * c_in, 6 * c_in, 3, s, stride, groups=6 * c_in, act=s.activation)
        self.squeeze = SqueezeExcite(6 * c_in, max(1, int(0.2 * c_in)), s)
        self.project = ConvNorm(6 * c_in, c_out, 1, s)
        self.shortcut = c_in == c_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.squeeze(self.depthwise(self.expand(x))))
        return x + y if self.shortcut else y


class SqueezeExcite(nn.Module):
    """Each channel is weighted by what all channels' means say."""

    def __init__(self, channels: int, squeezed: int, s: Any) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)
        self.act, self.hard = "relu" if s.hard_gate else "swish", s.hard_gate

    def forward(self, x: Tensor) -> Tensor:
        gate = self.expand(activate(self.reduce(x.mean((2, 3), keepdim=True)), self.act))
        return x * (F.relu6(gate + 3) * 0.16667 if self.hard else gate.sigmoid())


BLOCKS = {"bottleneck": Bottleneck, "residual": Residual, "mbconv": MBConv}


# ----------------------------------------------------------------------------------------------------------------------
# From images to feature maps.


class Connection(nn.Module):
    """Brings a block's output to another block's size and channels: narrow; go down, or up; widen.

    In the mobile family nothing is narrowed, and depthwise convolutions go down, one level each.
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
        """Max-pooling after the strided convolution, for what remains of the way from ``source`` to ``size``."""
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
    """A 7x7 convolution and max-pooling, of stride 2 each."""

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
        channels = graph.width(0) if mobile else int(64 * s.width) if graph.family == "resnet-fpn" else 64
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

        below = range(graph.stem) if graph.family == "resnet-fpn" else graph.live
        deepest = max(graph.blocks[at].level for at in below)
        whole = graph.family != "spinenet" or s.convention != "tpu"
        self.multiple = 2**deepest if whole else 1  # of image sides, so that feature maps fit each other

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


# ----------------------------------------------------------------------------------------------------------------------
# Convolutions of the head.


def head_conv(c_in: int, c_out: int, separable: bool, kernel: int = 3) -> nn.Module:
    """With bias, on maps of the same size; separable: depthwise, then 1x1."""
    if not separable:
        return nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2)
    pair = nn.Sequential()
    pair.add_module("depthwise", nn.Conv2d(c_in, c_in, kernel, padding=kernel // 2, groups=c_in, bias=False))
    pair.add_module("pointwise", nn.Conv2d(c_in, c_out, 1))
    return pair


class Tower(nn.Module):
    """3x3 convolutions shared by all levels; every level has its own batch normalisation."""

    def __init__(self, s: Any, levels: int, depth: int) -> None:
        super().__init__()
        widths = [s.endpoints] + [s.head_channels] * depth
        self.act, self.channels = s.activation, widths[-1]
        self.convolutions = nn.ModuleList(head_conv(a, b, s.separable) for a, b in pairwise(widths))
        norms = [[batch_norm(width, s) for _ in range(levels)] for width in widths[1:]]
        self.norms = nn.ModuleList(nn.ModuleList(each) for each in norms)

    def forward(self, x: Tensor, at: int) -> Tensor:
        """``at``: which of the levels ``x`` is."""
        for convolution, norms in zip(self.convolutions, self.norms):
            x = activate(norms[at](convolution(x)), self.act)  # type: ignore[index]
        return x


# ----------------------------------------------------------------------------------------------------------------------
# Anchors, boxes and non-maximum suppression.


def flat(maps: dict[int, Tensor], channels: int) -> Tensor:
    """Maps [B, A * channels, h, w] of all levels -> [B, N, channels]; N: level, row, column, anchor."""
    return torch.cat([x.permute(0, 2, 3, 1).reshape(len(x), -1, channels) for x in maps.values()], 1)


def anchors(level: int, x: Tensor, s: Any, octaves: int) -> Tensor:
    """Anchors [h * w * A, 4] of a map [..., h, w]: centre y, centre x, height, width in pixels."""
    stride = 2**level
    sizes = [2 ** (i / octaves) * s.anchor_size * stride for i in range(octaves)]
    shapes = torch.tensor([(a / math.sqrt(ratio), a * math.sqrt(ratio)) for a in sizes for ratio in s.aspect_ratios])
    offsets = torch.zeros_like(shapes)
    if s.pixel_anchors:  # corners on whole pixels
        middle = (stride - 1) / 2
        low, high = (middle - (shapes - 1) / 2).round(), (middle + (shapes - 1) / 2).round()
        offsets, shapes = (low + high) / 2 - stride / 2, high - low
    rows, columns = torch.meshgrid(torch.arange(x.shape[2]), torch.arange(x.shape[3]), indexing="ij")
    centres = (torch.stack([rows, columns], -1) + 0.5).reshape(-1, 1, 2) * stride + offsets
    return torch.cat([centres, shapes.expand_as(centres)], -1).reshape(-1, 4).to(x.device)


def decode(codes: Tensor, anchors: Tensor, size: tuple[int, ...], inclusive: bool) -> Tensor:
    """Codes (ty, tx, th, tw) [..., 4] -> x1, y1, x2, y2 within the image of ``size`` (height, width)."""
    extra = 1.0 if inclusive else 0.0  # whether a box's last pixel counts as a part of its width
    centres, sides = anchors[..., :2] + extra / 2, anchors[..., 2:] + extra
    centres = codes[..., :2] * sides + centres
    sides = codes[..., 2:].clamp(max=math.log(1000 / 16)).exp() * sides
    corners = torch.cat([(centres - sides / 2).flip(-1), (centres + sides / 2).flip(-1) - extra], -1)
    limit = corners.new_tensor([size[1], size[0]] * 2) - extra
    return torch.minimum(corners.clamp(min=0), limit)


def suppress(boxes: Tensor, iou: float) -> list[int]:
    """Greedy non-maximum suppression of boxes [N, 4], best first: which stay."""
    x1, y1, x2, y2 = boxes.double().unbind(-1)
    areas, kept = (x2 - x1) * (y2 - y1), []
    left = torch.arange(len(boxes), device=boxes.device)
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        width = torch.minimum(x2[best], x2[left]) - torch.maximum(x1[best], x1[left])
        height = torch.minimum(y2[best], y2[left]) - torch.maximum(y1[best], y1[left])
        overlap = width.clamp(min=0) * height.clamp(min=0)
        left = left[~(overlap / (areas[best] + areas[left] - overlap) > iou)]
    return kept


def select(scores: Tensor, boxes: Tensor, threshold: float, iou: float, candidates: int) -> dict[str, Tensor]:
    """The 100 best detections of one image, from scores [N, K] and boxes [N, 4] or, each class its own, [N, K, 4].

    Class 0 is the background. Of each other class so many candidates go through suppression.
    """
    found = []
    for label in range(1, scores.shape[1]):
        order = scores[:, label].sort(descending=True, stable=True).indices[:candidates]
        order = order[scores[order, label] > threshold]
        own = boxes[order] if boxes.dim() == 2 else boxes[order, label]
        found += [(-float(scores[order[i], label]), int(order[i]), label, own[i]) for i in suppress(own, iou)]
    found = sorted(found, key=lambda one: one[:3])[:100]
    return {
        "boxes": torch.stack([box for *_, box in found]) if found else boxes.new_zeros(0, 4),
        "scores": boxes.new_tensor([-score for score, *_ in found]),
        "labels": torch.tensor([label for _, _, label, _ in found], dtype=torch.long, device=boxes.device),
    }


# ----------------------------------------------------------------------------------------------------------------------
# RetinaNet (arXiv 1708.02002).


class RetinaNetHead(nn.Module):
    """A tower and a predictor for classes, and the same for boxes."""

    def __init__(self, s: Any, levels: int, classes: int) -> None:
        super().__init__()
        self.class_tower, self.box_tower = Tower(s, levels, s.head_depth), Tower(s, levels, s.head_depth)
        self.class_predictor = head_conv(self.class_tower.channels, 9 * classes, s.separable)
        self.box_predictor = head_conv(self.box_tower.channels, 9 * 4, s.separable)


class RetinaNet(nn.Module):
    """Nine anchors at every position of every level; for each a logit per class and a box."""

    def __init__(self, graph: Graph, classes: int) -> None:
        super().__init__()
        self.s, self.classes = graph.s, classes
        self.backbone = Backbone(graph)
        self.head = RetinaNetHead(graph.s, len(graph.outputs), classes)

    def forward(self, images: Tensor) -> dict[str, dict[int, Tensor]]:
        """``class`` {level: [B, 9 K, h, w]}, ``box`` {level: [B, 36, h, w]}, ``endpoints`` {level: [B, C, h, w]}."""
        endpoints, head = self.backbone(images), self.head
        levels = list(enumerate(endpoints.items()))
        return {
            "class": {level: head.class_predictor(head.class_tower(x, at)) for at, (level, x) in levels},
            "box": {level: head.box_predictor(head.box_tower(x, at)) for at, (level, x) in levels},
            "endpoints": endpoints,
        }

    @torch.no_grad()
    def detect(self, images: Tensor, threshold: float = 0.05, iou: float = 0.5) -> list[dict[str, Tensor]]:
        """Per image the 100 best detections above the threshold, best first, after suppression within each class."""
        raw = self(images)
        logits, codes = flat(raw["class"], self.classes), flat(raw["box"], 4)
        boxes = torch.cat([anchors(level, x, self.s, octaves=3) for level, x in raw["box"].items()])
        boxes = decode(codes, boxes, images.shape[2:], self.s.inclusive_pixels)
        return [select(a.double().sigmoid().float(), b, threshold, iou, candidates=5000) for a, b in zip(logits, boxes)]


HEADS["retinanet"] = RetinaNet
