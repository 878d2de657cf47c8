"""Small architectures, and another labelling of any."""

from __future__ import annotations

import numpy as np

from search_spaces import Architecture, BlockSpec

STEM = (BlockSpec(2), BlockSpec(2, parents=(0,)))


def small(*blocks: BlockSpec, low: int = 3, high: int = 4) -> Architecture:
    return Architecture(STEM, blocks, low, high)


def outputs(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[BlockSpec, BlockSpec]:
    return BlockSpec(3, parents=first, is_output=True), BlockSpec(4, parents=second, is_output=True)


def relabel(architecture: Architecture, rng: np.random.Generator) -> Architecture:
    """Another order of the intermediate blocks that keeps every parent first, with parents swapped at random."""
    first, nodes = len(architecture.stem), architecture.nodes
    split = next(index for index in range(first, len(nodes)) if nodes[index].is_output)
    placed, waiting = list(range(first)), list(range(first, split))
    while waiting:
        ready = [index for index in waiting if set(nodes[index].parents) <= set(placed)]
        chosen = int(rng.choice(ready))
        placed.append(chosen)
        waiting.remove(chosen)
    placed += range(split, len(nodes))
    new = {old: at for at, old in enumerate(placed)}
    blocks = []
    for old in placed[first:]:
        parents = [new[parent] for parent in nodes[old].parents]
        rng.shuffle(parents)
        blocks.append(BlockSpec(nodes[old].level, nodes[old].block_type, tuple(parents), nodes[old].is_output))
    return Architecture(architecture.stem, tuple(blocks), architecture.min_level, architecture.max_level)
