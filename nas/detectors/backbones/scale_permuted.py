"""The backbone of a scale-permuted network: stem network, blocks and connections, endpoints (SpineNet, section 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from nas.detectors.backbones.blocks import BLOCKS, block_group
from nas.detectors.backbones.connections import widen_to
from nas.detectors.backbones.families import FAMILIES, Family
from nas.detectors.convention import CONVENTIONS
from nas.detectors.detector import Backbone
from nas.detectors.layers import ConvNorm, add_maps
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size, check_image_size, feature_size
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec


@dataclass(frozen=True, slots=True)
class Step:
    """What happens at one node, read off the architecture once.

    Attributes:
        index: index of the node.
        node: the block itself.
        parents: (index, level) of each parent; none in the stem.
        merged: indices of the nodes whose outputs are added to it (merge edges).
        channels: channels of its output.
        stride: stride of its first block; 2 where the stem goes down a level.
        targets: the nodes that its connections lead to, by index.
    """

    index: int
    node: BlockSpec
    parents: tuple[tuple[int, int], ...]
    merged: tuple[int, ...]
    channels: int
    stride: int
    targets: dict[int, BlockSpec]


def plan_steps(architecture: Architecture, family: Family, scaling: Scaling) -> tuple[Step, ...]:
    """One step for each live node, in order."""
    nodes, stem_length, live = architecture.nodes, len(architecture.stem), architecture.live_nodes
    return tuple(
        Step(
            index=index,
            node=nodes[index],
            parents=tuple((parent, nodes[parent].level) for parent in nodes[index].parents)
            if index >= stem_length
            else (),
            merged=tuple(source for source, target in architecture.merge_edges if target == index),
            channels=family.channels(nodes[index], scaling),
            stride=2 if 0 < index < stem_length and nodes[index].level > nodes[index - 1].level else 1,
            targets={target: nodes[target] for target in live[stem_length:] if index in nodes[target].parents},
        )
        for index in live
    )


class ScalePermuted(Backbone):
    """Every live block of an architecture, its connections, and a 1x1 projection for each output block.

    Submodules by node: ``groups`` (the blocks) and ``fan_outs`` (what a node sends its targets); by connection
    (:func:`connection_key`): ``downs`` (what takes it down) and ``widens`` (its wide end); by level: ``endpoints``.
    The family decides what the fan-outs, the ways down and the stem are made of.
    """

    def __init__(self, architecture: Architecture, scaling: Scaling) -> None:
        super().__init__()
        family, convention = FAMILIES[architecture.family], CONVENTIONS[scaling.convention]
        levels = {architecture.nodes[index].level for index in architecture.live_nodes}
        family.check_widths(levels, scaling)
        self.architecture = architecture
        self.outputs = dict.fromkeys(architecture.outputs, scaling.endpoints)
        self.numbers = family.resolved(scaling)
        self.multiple = 2 ** max(levels) if family.whole_factors or convention.whole_factors else 1
        self.steps = plan_steps(architecture, family, scaling)
        self.activation = scaling.activation
        channels = family.stem_channels(scaling)
        self.stem: Any = family.stem(channels, scaling)
        self.groups, self.fan_outs, self.widens = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        self.downs, self.endpoints = nn.ModuleDict(), nn.ModuleDict()
        for step in self.steps:
            if step.parents:
                self._add_connections(step, family, scaling)
                channels = step.channels
            name, width = str(step.index), family.width(step.node.level, scaling)
            drop_rate = family.drop_rate(step.index, architecture, scaling)
            self.groups[name] = block_group(step.node, channels, width, scaling, drop_rate, step.stride)
            channels = step.channels
            if step.targets:
                narrow = family.connection_width(step.node.level, scaling)
                self.fan_outs[name] = family.fan_out(step.node, step.targets, channels, narrow, scaling)
            if step.node.is_output:
                act = scaling.activation if convention.endpoint_activation else None
                self.endpoints[str(step.node.level)] = ConvNorm(
                    channels, scaling.endpoints, 1, step.node.level, scaling, activation=act
                )

    def _add_connections(self, step: Step, family: Family, scaling: Scaling) -> None:
        for parent, level in step.parents:
            key, narrow = connection_key(parent, step.index), family.connection_width(level, scaling)
            self.downs[key] = family.down(self.architecture.nodes[parent], step.node, narrow, scaling)
            self.widens[key] = ConvNorm(narrow, step.channels, 1, step.node.level, scaling)

    def forward(self, images: Tensor) -> dict[int, Tensor]:
        """Images [B, 3, H, W] -> {level: [B, endpoints, ceil(H / 2**level), ceil(W / 2**level)]}.

        Raises:
            ConfigError: a side is not a multiple of what the architecture and its convention need.
        """
        image_size = (images.shape[2], images.shape[3])
        check_image_size(image_size, self.multiple)
        features: dict[int, Tensor] = {}
        sent: dict[int, dict[int, Tensor]] = {}
        x = self.stem(images)
        for step in self.steps:
            if step.parents:
                x = self._merge(step, image_size, sent, features)
            x = features[step.index] = self.groups[str(step.index)](x)
            if step.targets:
                sent[step.index] = self.fan_outs[str(step.index)](x)
        return {
            level: self.endpoints[str(level)](features[index]) for level, index in self.architecture.outputs.items()
        }

    def _merge(
        self, step: Step, image_size: Size, sent: dict[int, dict[int, Tensor]], features: dict[int, Tensor]
    ) -> Tensor:
        """The input of a block: the activated sum over its parents and the nodes that are merged into it."""
        size = feature_size(image_size, step.node.level)
        maps = []
        for parent, level in step.parents:
            key = connection_key(parent, step.index)
            x = self.downs[key](sent[parent][step.index], feature_size(image_size, level), size)
            maps.append(widen_to(x, size, self.widens[key]))
        return add_maps([*maps, *(features[index] for index in step.merged)], size, self.activation)

    def parts(self, image_size: Size) -> Iterator[Part]:
        """The stem's convolution, the connections and blocks of each node, the endpoints."""
        yield from self.stem.parts("stem convolution", 1, image_size)
        for step in self.steps:
            yield from self._connection_parts(step, image_size)
            blocks: Any = self.groups[str(step.index)]
            for block in blocks:
                yield from block.parts(f"block {step.index}", image_size)
        endpoints: Iterator[tuple[str, Any]] = self.endpoints.named_children()
        for level, endpoint in endpoints:
            yield from endpoint.parts(f"endpoint {level}", int(level), image_size)

    def _connection_parts(self, step: Step, image_size: Size) -> Iterator[Part]:
        name, level = f"connections to {step.index}", step.node.level
        for parent, _ in step.parents:
            key = connection_key(parent, step.index)
            fan_out: Any = self.fan_outs[str(parent)]
            down: Any = self.downs[key]
            widen: Any = self.widens[key]
            yield from fan_out.parts(step.index, name, level, image_size)
            yield from down.parts(name, level, image_size)
            yield from widen.parts(name, level, image_size)

    def roles(self, key: str) -> Iterator[tuple[Role, Weight]]:
        """Every tensor by its role; ``key`` is the name of the backbone in the state dictionary."""
        yield from self.stem.roles(Role("stem"), f"{key}.stem")
        for step in self.steps:
            blocks: Any = self.groups[str(step.index)]
            for index, block in enumerate(blocks):
                role = Role("block", node=step.index, index=index)
                yield from block.roles(role, f"{key}.groups.{step.index}.{index}")
            if step.targets:
                fan_out: Any = self.fan_outs[str(step.index)]
                yield from fan_out.roles(step.index, f"{key}.fan_outs.{step.index}")
            for parent, _ in step.parents:
                yield from self._connection_roles(parent, step.index, key)
        endpoints: Iterator[tuple[str, Any]] = self.endpoints.named_children()
        for level, endpoint in endpoints:
            yield from endpoint.roles(Role("endpoint", level=int(level)), f"{key}.endpoints.{level}")

    def resolved(self) -> dict[str, Any]:
        """The family's widths as numbers, and the number that the sides of images must be multiples of."""
        units = {node.block_type for node in self.architecture.nodes}
        constants = {name: value for unit in units for name, value in BLOCKS[unit].numbers.items()}
        return self.numbers | constants | {"image_multiple": self.multiple}

    def _connection_roles(self, parent: int, index: int, key: str) -> Iterator[tuple[Role, Weight]]:
        role, name = Role("connection", "widen", node=index, parent=parent), connection_key(parent, index)
        down: Any = self.downs[name]
        widen: Any = self.widens[name]
        yield from down.roles(role, f"{key}.downs.{name}")
        yield from widen.roles(role, f"{key}.widens.{name}")


def connection_key(parent: int, index: int) -> str:
    """The name of the connection from one node to another among the submodules."""
    return f"{parent}-{index}"
