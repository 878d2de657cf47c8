"""Architecture <-> DiGraph."""

import networkx as nx
import numpy as np
import pytest

import search_spaces
from search_spaces.errors import ArchitectureError


def test_graph_of_spinenet_49():
    graph = search_spaces.to_graph(search_spaces.load("spinenet-49"))
    assert graph.number_of_nodes() == 17
    assert [edge for edge in graph.edges if graph.edges[edge]["kind"] == "merge"] == [(11, 14)]
    assert graph.nodes[6] == {"level": 6, "block_type": "residual", "role": "intermediate", "order": 6, "live": True}
    with pytest.raises(nx.NetworkXError):
        graph.add_edge(0, 5)


def test_round_trip():
    rng = np.random.default_rng(0)
    space = search_spaces.build("spinenet")
    for architecture in [search_spaces.load("spinenet-49"), *(space.sample(rng) for _ in range(50))]:
        assert search_spaces.from_graph(search_spaces.to_graph(architecture)) == architecture


def test_a_cycle_and_a_missing_attribute_are_named():
    graph = nx.DiGraph(search_spaces.to_graph(search_spaces.load("spinenet-49")))
    graph.add_edge(5, 2, kind="parent", position=2)
    with pytest.raises(ArchitectureError, match="cycle"):
        search_spaces.from_graph(graph)
    graph.remove_edge(5, 2)
    del graph.nodes[3]["level"]
    with pytest.raises(ArchitectureError, match="node 3 of the graph lacks the attribute 'level'"):
        search_spaces.from_graph(graph)
