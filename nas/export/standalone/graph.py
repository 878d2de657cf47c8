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

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

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
