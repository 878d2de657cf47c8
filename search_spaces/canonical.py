"""Which network a list of blocks compiles to: merge edges, live nodes, and an identity that ignores labelling.

Plain functions over lists of blocks, on which :mod:`search_spaces.architecture` builds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from search_spaces.block import BlockSpec

Edge = tuple[int, int]
Certificate = list[list[object]]


def merge_edges(nodes: Sequence[BlockSpec]) -> tuple[Edge, ...]:
    """The out-degree-0 rule, as (node, output block) pairs.

    When an output block is built, its own parents are counted as consumed first. Then every earlier node that nothing
    has consumed yet is added into it, if level and channels (that is, level and block type) are the same. From then on
    that node counts as consumed. Source: SpineNet section 3.3, and the order of counting in the authors' released
    builder.
    """
    consumed = [0] * len(nodes)
    edges = []
    for index, node in enumerate(nodes):
        for parent in node.parents:
            consumed[parent] += 1
        if not node.is_output:
            continue
        for earlier in range(index):
            twin = nodes[earlier]
            if not consumed[earlier] and (twin.level, twin.block_type) == (node.level, node.block_type):
                consumed[earlier] += 1
                edges.append((earlier, index))
    return tuple(edges)


def live_nodes(nodes: Sequence[BlockSpec], stem_length: int) -> tuple[int, ...]:
    """Ascending indices of the nodes in the compiled network: the stem's, and all that reach an output block."""
    sources = _sources(nodes)
    live = set(range(stem_length))
    pending = [index for index, node in enumerate(nodes) if node.is_output]
    while pending:
        index = pending.pop()
        if index not in live:
            live.add(index)
            pending.extend(source for source, _ in sources[index])
    return tuple(sorted(live))


def fingerprint(nodes: Sequence[BlockSpec], stem_length: int) -> str:
    """16 hexadecimal digits of the SHA-256 of the canonical certificate.

    Two lists of blocks have the same fingerprint exactly when a relabelling turns the live part of one into the live
    part of the other. A cross-scale connection never counts as a merge edge.
    """
    text = json.dumps(certificate(nodes, stem_length), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def certificate(nodes: Sequence[BlockSpec], stem_length: int) -> Certificate:
    """The smallest row list over all labellings that colour refinement cannot tell apart.

    A row is ``[role, level, block_type, [[source row, edge kind], ...]]``. Colour refinement on this DAG nearly
    always separates all nodes; where twins remain, each is singled out in turn and the smallest result is taken
    (individualisation and refinement, as in programs for graph canonisation).
    """
    live = live_nodes(nodes, stem_length)
    position = {index: at for at, index in enumerate(live)}
    all_sources = _sources(nodes)
    sources = [[(position[source], kind) for source, kind in all_sources[index]] for index in live]
    labels: list[tuple[str, int, str]] = [
        (_role(nodes, index, stem_length), nodes[index].level, nodes[index].block_type) for index in live
    ]
    order = {label: at for at, label in enumerate(sorted(set(labels)))}
    return _smallest(labels, sources, _refine([order[label] for label in labels], sources))


def _role(nodes: Sequence[BlockSpec], index: int, stem_length: int) -> str:
    if index < stem_length:
        return f"stem{index:03d}"
    return "output" if nodes[index].is_output else "intermediate"


def _sources(nodes: Sequence[BlockSpec]) -> list[list[tuple[int, str]]]:
    sources = [[(parent, "parent") for parent in node.parents] for node in nodes]
    for node, output in merge_edges(nodes):
        sources[output].append((node, "merge"))
    return sources


def _refine(colours: list[int], sources: list[list[tuple[int, str]]]) -> list[int]:
    """Split colour classes by the colours of sources and consumers until nothing changes."""
    while True:
        consumers: list[list[tuple[str, int]]] = [[] for _ in colours]
        for index, row in enumerate(sources):
            for source, kind in row:
                consumers[source].append((kind, colours[index]))
        signatures = [
            (
                colours[index],
                tuple(sorted((kind, colours[source]) for source, kind in sources[index])),
                tuple(sorted(consumers[index])),
            )
            for index in range(len(colours))
        ]
        ranks = {signature: at for at, signature in enumerate(sorted(set(signatures)))}
        if len(ranks) == len(set(colours)):
            return colours
        colours = [ranks[signature] for signature in signatures]


def _smallest(
    labels: list[tuple[str, int, str]], sources: list[list[tuple[int, str]]], colours: list[int]
) -> Certificate:
    classes: dict[int, list[int]] = {}
    for index, colour in enumerate(colours):
        classes.setdefault(colour, []).append(index)
    twins = next((members for _, members in sorted(classes.items()) if len(members) > 1), None)
    if twins is None:
        rank = {index: at for at, index in enumerate(sorted(range(len(colours)), key=colours.__getitem__))}
        return [
            [*labels[index], sorted([rank[source], kind] for source, kind in sources[index])]
            for index in sorted(rank, key=rank.__getitem__)
        ]
    candidates = []
    for chosen in twins:
        split = [2 * colour + (colour == colours[chosen] and index != chosen) for index, colour in enumerate(colours)]
        ranks = {colour: at for at, colour in enumerate(sorted(set(split)))}
        candidates.append(_smallest(labels, sources, _refine([ranks[colour] for colour in split], sources)))
    return min(candidates)
