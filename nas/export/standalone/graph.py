"""A detector as plain PyTorch modules. This file needs torch and nothing else.

Beside it lie ``architecture.json`` (the graph of blocks, and how large they are made) and ``weights.safetensors``::

    import detector

    network = detector.load("path/to/this/folder")
    raw = network(images)              # images [B, 3, H, W]: RGB from 0 to 1, less mean, divided by deviation
    found = network.detect(images)     # what is in each image, best first

A block has a level: its feature maps are 2**level times smaller than the image. Blocks do not come in the order of
their levels (SpineNet, arXiv 1912.05027), so the connections between them change the resolution. :class:`Graph` says
who is connected with whom, :class:`Backbone` computes the feature maps, and a head turns them into predictions. All
numbers that are not the weights' own, ``mean`` and ``deviation`` among them, are in ``architecture.json``.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any


class Graph:
    """What ``architecture.json`` says: the blocks by number, stem first, and the settings ``s``.

    ``s`` has the scaling, and what it comes to: widths of blocks, how the code base that trained the weights pads,
    pools, activates and places anchors, and the constants of the head.
    """

    def __init__(self, description: dict[str, Any]) -> None:
        self.s = SimpleNamespace(**description["scaling"], **description["resolved"])
        self.blocks = [SimpleNamespace(**block) for block in description["stem"] + description["blocks"]]
        self.stem = len(description["stem"])
        self.family = self.s.family
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
        return int(self.s.widths[str(level)])

    def channels(self, at: int) -> int:
        """Channels of a block's output."""
        block = self.blocks[at]
        return self.width(block.level) * int(self.s.expansions[block.block_type])
