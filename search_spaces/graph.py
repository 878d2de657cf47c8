"""From an architecture to a ``networkx.DiGraph``, and back."""

from __future__ import annotations

import networkx as nx

from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec
from search_spaces.errors import ArchitectureError


def to_graph(architecture: Architecture) -> nx.DiGraph:
    """The frozen DAG, with one node per block and one edge per cross-scale connection or merge edge.

    Node attributes: ``level``, ``block_type``, ``role`` (stem, intermediate, output), ``order`` (the node's index),
    ``live`` (whether it reaches an output). Edge attributes: ``kind`` (``parent``, or ``merge`` for an edge of the
    out-degree-0 rule) and ``position`` (which parent it is; -1 for a merge edge). Graph attributes: ``min_level``,
    ``max_level``.
    """
    graph = nx.DiGraph(min_level=architecture.min_level, max_level=architecture.max_level)
    live = set(architecture.live_nodes)
    for index, node in enumerate(architecture.nodes):
        graph.add_node(
            index,
            level=node.level,
            block_type=node.block_type,
            role=architecture.role(index),
            order=index,
            live=index in live,
        )
        for position, parent in enumerate(node.parents):
            graph.add_edge(parent, index, kind="parent", position=position)
    for source, output in architecture.merge_edges:
        graph.add_edge(source, output, kind="merge", position=-1)
    return nx.freeze(graph)


def from_graph(graph: nx.DiGraph) -> Architecture:
    """The architecture of a DAG with :func:`to_graph`'s attributes. Merge edges are not read but derived again.

    Raises:
        ArchitectureError: the graph has a cycle, lacks an attribute, or breaks a rule of architectures.
    """
    if not nx.is_directed_acyclic_graph(graph):
        cycle = [source for source, _ in nx.find_cycle(graph)]
        raise ArchitectureError(f"the graph has a cycle through nodes {cycle}; an architecture is acyclic.")
    for node, data in graph.nodes(data=True):
        missing = {"level", "block_type", "role", "order"} - set(data)
        if missing:
            raise ArchitectureError(f"node {node!r} of the graph lacks the attribute {sorted(missing)[0]!r}.")
    ordered = sorted(graph.nodes, key=lambda node: graph.nodes[node]["order"])
    index = {node: at for at, node in enumerate(ordered)}
    stem: list[BlockSpec] = []
    blocks: list[BlockSpec] = []
    for node in ordered:
        data = graph.nodes[node]
        edges = [
            (edge.get("position", 0), index[source])
            for source, _, edge in graph.in_edges(node, data=True)
            if edge.get("kind", "parent") == "parent"
        ]
        parents = tuple(source for _, source in sorted(edges))
        spec = BlockSpec(data["level"], data["block_type"], parents, data["role"] == "output")
        (stem if data["role"] == "stem" else blocks).append(spec)
    return Architecture(tuple(stem), tuple(blocks), graph.graph.get("min_level", 3), graph.graph.get("max_level", 7))
