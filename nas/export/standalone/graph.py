"""A network in plain PyTorch. This file needs torch and nothing else.

Beside it lie ``architecture.json`` (the graph of blocks, and their sizes) and ``weights.safetensors``::

    import detector

    network = detector.load("path/to/this/folder")
    raw = network(images)              # images [B, 3, H, W]: RGB from 0 to 1, minus mean, divided by deviation
    found = network.detect(images)     # what is in each image, best first (a classifier: network.classify)

Every block has a level: its feature maps are 2**level times smaller than the image. Blocks are not in the order of
their levels (SpineNet, arXiv 1912.05027), so the connections between them change the resolution. :class:`Graph` says
which blocks are connected, :class:`Backbone` computes the feature maps, and a head turns them into predictions. Widths,
ratios, limits, ``mean`` and ``deviation`` are in ``architecture.json`` under ``resolved``.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any


class Graph:
    """What ``architecture.json`` says: the blocks by number, those of the stem first, and the settings ``s``.

    ``s`` holds the scaling and all that follows from it: the widths of blocks; how the code base that trained the
    weights pads, pools, activates and places anchors; and the constants of the head.
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
        """(block, output): a block that nothing has read when an output of its kind is built is added to it."""
        read = set()
        for at, block in enumerate(self.blocks):
            read.update(block.parents)
            for earlier in range(at) if block.is_output else ():
                twin = self.blocks[earlier]
                if earlier not in read and (twin.level, twin.block_type) == (block.level, block.block_type):
                    read.add(earlier)
                    yield earlier, at

    def _sources_of(self, found: set[int]) -> set[int]:
        """The blocks in ``found`` and all that lead to them; other blocks are not built."""
        for at in reversed(range(len(self.blocks))):
            if at in found:
                found |= {*self.blocks[at].parents, *(source for source, target in self.merges if target == at)}
        return found

    def targets(self, parent: int) -> tuple[list[int], list[int]]:
        """The blocks that read ``parent``: first those at coarser levels, then the others."""
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
