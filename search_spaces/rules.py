"""The rules that every architecture must obey. One check serves the constructor and the text of its error."""

from __future__ import annotations

from collections.abc import Iterator

from search_spaces.block import MAX_BLOCK_LEVEL, MIN_BLOCK_LEVEL, BlockSpec
from search_spaces.vocabulary import BLOCK_TYPES

Blocks = tuple[BlockSpec, ...]


def find_problems(stem: Blocks, blocks: Blocks, low: int, high: int) -> Iterator[str]:
    """Yield a sentence for every rule that an architecture breaks; nothing when it is valid.

    Args:
        stem, blocks: the stem network, and the blocks that follow it.
        low, high: lowest and highest of the levels that must each have exactly one output block.
    """
    nodes = stem + blocks
    if not MIN_BLOCK_LEVEL <= low <= high <= MAX_BLOCK_LEVEL:
        yield (
            f"min_level {low} and max_level {high} must satisfy {MIN_BLOCK_LEVEL} <= min_level <= max_level "
            f"<= {MAX_BLOCK_LEVEL}."
        )
    if not stem:
        yield "the stem has no block; it needs at least one to read the stem convolution."
    for index, node in enumerate(nodes):
        yield from _block_problems(index, node, len(nodes), is_stem=index < len(stem))
    yield from _stem_problems(stem)
    yield from _type_problems(nodes, len(stem))
    yield from _output_problems(nodes, low, high)


def _block_problems(index: int, node: BlockSpec, count: int, is_stem: bool) -> Iterator[str]:
    where = f"block {index}"
    if node.block_type not in BLOCK_TYPES:
        yield f"{where} has block_type {node.block_type!r}; allowed: {', '.join(BLOCK_TYPES)}."
    if not MIN_BLOCK_LEVEL <= node.level <= MAX_BLOCK_LEVEL:
        yield f"{where} has level {node.level}; allowed: {MIN_BLOCK_LEVEL} to {MAX_BLOCK_LEVEL}."
    if is_stem:
        expected = (index - 1,) if index else ()
        if node.parents != expected:
            yield (
                f"{where} is in the stem and has parents {node.parents}; the stem is a chain, so they must be "
                f"{expected}."
            )
        if node.is_output:
            yield f"{where} is in the stem and is marked as an output; outputs belong to the scale-permuted network."
        return
    if not node.parents:
        yield f"{where} has no parent; every block after the stem needs at least one."
    for parent in node.parents:
        if not 0 <= parent < count:
            yield f"{where} has parent {parent}, which does not exist; a parent must be one of blocks 0 to {index - 1}."
        elif parent >= index:
            yield (
                f"{where} has parent {parent}, which does not come before it, so the graph may have a cycle; a parent "
                f"must be one of blocks 0 to {index - 1}."
            )
    if len(set(node.parents)) != len(node.parents):
        yield f"{where} has parents {node.parents}; parents must be distinct."


def _stem_problems(stem: Blocks) -> Iterator[str]:
    """The first block has the level at which convolution and pooling end; from block to block it rises by at most 1."""
    if not stem:
        return
    kind = BLOCK_TYPES.get(stem[0].block_type)
    before = kind.first_level if kind else stem[0].level
    if stem[0].level != before:
        yield f"block 0 is the first of the stem and has level {stem[0].level}; it must have level {before}."
    for index, node in enumerate(stem[1:], start=1):
        level = stem[index - 1].level
        if node.level not in (level, level + 1):
            yield f"block {index} is in the stem and has level {node.level}; it must have level {level} or {level + 1}."


def _type_problems(nodes: Blocks, first: int) -> Iterator[str]:
    """Some types cannot be mixed with others; an ``fpn`` block must have its place in a feature pyramid."""
    for index, node in enumerate(nodes):
        other = next((at for at, one in enumerate(nodes) if one.block_type != node.block_type), None)
        if node.block_type in BLOCK_TYPES and BLOCK_TYPES[node.block_type].alone and other is not None:
            yield (
                f"block {index} is of type {node.block_type} and block {other} is of type {nodes[other].block_type}; "
                f"{node.block_type} cannot be mixed with other types."
            )
            break
    pyramid = [index for index, node in enumerate(nodes) if node.block_type == "fpn"]
    if not pyramid:
        return
    for index, node in enumerate(nodes):
        if (node.block_type == "fpn") != (index >= first):
            yield (
                f"block {index} is of type {node.block_type}; if there are fpn blocks, they and no others must follow "
                f"the stem."
            )
            return
    for index in pyramid:
        node = nodes[index]
        kinds = [(parent >= first, nodes[parent].level - node.level) for parent in node.parents if parent < index]
        if kinds not in ([(False, 0)], [(False, 0), (True, 1)], [(True, -1)]) or not node.is_output:
            yield (
                f"block {index} is an fpn block at level {node.level} with parents {node.parents}; it must be an "
                f"output, and its parents must be a stem block of its own level and then the fpn block one level "
                f"above, if there is one; above the stem's levels, its parent must be the fpn block one level below."
            )


def _output_problems(nodes: Blocks, low: int, high: int) -> Iterator[str]:
    seen: dict[int, int] = {}
    for index, node in enumerate(nodes):
        if not node.is_output:
            continue
        if node.level in seen:
            yield (
                f"blocks {seen[node.level]} and {index} are both the output of level {node.level}; only one is allowed."
            )
        if not low <= node.level <= high:
            yield f"block {index} is an output at level {node.level}; outputs must lie at levels {low} to {high}."
        seen[node.level] = index
    for level in range(low, high + 1):
        if level not in seen:
            yield f"no block is the output of level {level}; every level from {low} to {high} needs one."
