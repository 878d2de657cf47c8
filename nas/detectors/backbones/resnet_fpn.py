"""ResNet with a feature pyramid (arXiv 1612.03144) and the coarser levels that RetinaNet adds: the baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from nas.detectors.backbones.blocks import block_group
from nas.detectors.backbones.families import FAMILIES
from nas.detectors.convention import CONVENTIONS
from nas.detectors.detector import Backbone
from nas.detectors.layers import BatchNorm, activate, add_maps, initialise_kernel, pad_same
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size, check_image_size, count_positions
from search_spaces.architecture import Architecture

CONVOLUTIONS = {"lateral": "laterals", "smooth": "smooths", "coarser": "coarsers"}
"""Layer in a pyramid's role -> name of the submodule."""


class ResNetFPN(Backbone):
    """A chain of blocks, the stem, and a feature pyramid over the last block of each level.

    Submodules: ``groups`` (the blocks, by node) and ``pyramid``.
    """

    def __init__(self, architecture: Architecture, scaling: Scaling) -> None:
        super().__init__()
        family, stem = FAMILIES[architecture.family], architecture.stem
        family.check_widths({architecture.nodes[index].level for index in architecture.live_nodes}, scaling)
        self.architecture = architecture
        self.outputs = dict.fromkeys(architecture.outputs, scaling.endpoints)
        self.numbers = family.resolved(scaling)
        self.multiple = 2 ** max(node.level for node in stem)
        self.stem: Any = family.stem(family.stem_channels(scaling), scaling)
        outputs = [family.channels(node, scaling) for node in stem]
        self.pyramid = FeaturePyramid(architecture, outputs, scaling)
        self.groups = nn.ModuleDict()
        inputs = [family.stem_channels(scaling), *outputs]
        for index, node in enumerate(stem):
            width, drop_rate = family.width(node.level, scaling), family.drop_rate(index, architecture, scaling)
            stride = 2 if index and node.level > stem[index - 1].level else 1
            self.groups[str(index)] = block_group(node, inputs[index], width, scaling, drop_rate, stride)

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Images [B, 3, H, W] -> {level: [B, endpoints, ceil(H / 2**level), ceil(W / 2**level)]}.

        Raises:
            ConfigError: a side is not a multiple of the stride of the stem's coarsest level.
        """
        check_image_size((images.shape[2], images.shape[3]), self.multiple)
        features: list[Tensor] = []
        x = self.stem(images)
        for group in self.groups.children():
            x = group(x)
            features.append(x)
        maps: dict[int, Tensor] = self.pyramid(features)
        return maps

    def parts(self, image_size: Size) -> Iterator[Part]:
        """The stem's convolution, its blocks, the levels of the pyramid."""
        yield from self.stem.parts("stem convolution", 1, image_size)
        groups: Iterator[tuple[str, Any]] = self.groups.named_children()
        for index, blocks in groups:
            for block in blocks:
                yield from block.parts(f"block {index}", image_size)
        yield from self.pyramid.parts(image_size)

    def roles(self, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; ``key`` is the name of the backbone in the state dictionary."""
        yield from self.stem.roles(Role("stem"), f"{key}.stem")
        groups: Iterator[tuple[str, Any]] = self.groups.named_children()
        for node, blocks in groups:
            for index, block in enumerate(blocks):
                yield from block.roles(Role("block", node=int(node), index=index), f"{key}.groups.{node}.{index}")
        yield from self.pyramid.roles(f"{key}.pyramid")

    def resolved(self) -> dict[str, Any]:
        """The family's widths as numbers, and the number that the sides of images must be multiples of."""
        return self.numbers | {"image_multiple": self.multiple}


class FeaturePyramid(nn.Module):
    """A feature pyramid over the stem, and coarser levels above it.

    At the stem's levels there are lateral 1x1 convolutions, top-down sums with nearest-neighbour up-sampling, and a 3x3
    convolution. Each level above the stem's comes from the one below by a 3x3 convolution of stride 2. Batch
    normalisation without activation ends every level.

    Submodules by level: ``laterals``, ``smooths`` (the 3x3 convolutions of stride 1), ``coarsers`` (those of stride 2),
    ``norms``.

    Attributes:
        sources: level -> index of the stem's block that the level is made from.
    """

    def __init__(self, architecture: Architecture, channels: list[int], scaling: Scaling) -> None:
        """``channels``: output channels of each block of the stem."""
        super().__init__()
        nodes, first = architecture.nodes, len(architecture.stem)
        convention = CONVENTIONS[scaling.convention]
        self.activation = "relu" if convention.pyramid_relu else scaling.activation
        self.sources = {
            level: parent
            for level, index in architecture.outputs.items()
            for parent in nodes[index].parents
            if parent < first
        }
        self.laterals, self.smooths = nn.ModuleDict(), nn.ModuleDict()
        self.coarsers, self.norms = nn.ModuleDict(), nn.ModuleDict()
        for level in architecture.outputs:
            if level in self.sources:
                self.laterals[str(level)] = _convolution(channels[self.sources[level]], scaling.endpoints, 1)
                self.smooths[str(level)] = _convolution(scaling.endpoints, scaling.endpoints, 3)
            else:
                self.coarsers[str(level)] = _convolution(scaling.endpoints, scaling.endpoints, 3, stride=2)
            self.norms[str(level)] = BatchNorm(scaling.endpoints, scaling)

    def parts(self, image_size: Size) -> Iterator[Part]:
        """The layers of each level."""
        for level in self.norms:
            layers = [modules[level] for modules in self._convolutions().values() if level in modules]
            positions = count_positions(image_size, [int(level)])
            yield Part(f"pyramid {level}", int(level), (*layers, self.norms[level]), positions)

    def roles(self, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; ``key`` is the pyramid's name."""
        for layer, modules in self._convolutions().items():
            for level in modules:
                role, own = Role("pyramid", layer, level=int(level)), f"{key}.{CONVOLUTIONS[layer]}.{level}"
                yield replace(role, part="kernel"), Weight(f"{own}.weight", "conv")
                yield replace(role, part="bias"), Weight(f"{own}.bias", "vector")
        norms: Iterator[tuple[str, Any]] = self.norms.named_children()
        for level, norm in norms:
            yield from norm.roles(Role("pyramid", "norm", level=int(level)), f"{key}.norms.{level}")

    def forward(self, features: list[Tensor]) -> dict[int, Tensor]:
        """Maps [B, C, h, w] of the stem's blocks -> {level: [B, endpoints, h, w]}."""
        merged: dict[int, Tensor] = {}
        for level in sorted(self.sources, reverse=True):
            lateral = self.laterals[str(level)](features[self.sources[level]])
            above = merged.get(level + 1)
            size = (lateral.shape[2], lateral.shape[3])
            merged[level] = lateral if above is None else add_maps([lateral, above], size)
        levels = {level: self.smooths[str(level)](merged[level]) for level in sorted(merged)}
        for name, coarser in self.coarsers.items():
            x = levels[int(name) - 1]
            if str(int(name) - 1) in self.coarsers:
                x = activate(x.clone(), self.activation)
            levels[int(name)] = coarser(pad_same(x, 3, 2))
        return {level: self.norms[str(level)](x) for level, x in levels.items()}

    def _convolutions(self) -> Mapping[str, nn.ModuleDict]:
        return {"lateral": self.laterals, "smooth": self.smooths, "coarser": self.coarsers}


def _convolution(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A convolution with bias; with stride 2 it leaves the padding to its caller."""
    convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, padding=kernel // 2 if stride == 1 else 0)
    initialise_kernel(convolution.weight)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    return convolution
