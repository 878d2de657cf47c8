"""Published architectures by name."""

import pytest

import search_spaces
from search_spaces.errors import ArchitectureError
from search_spaces.published import SAME_GRAPH, graph_name, published_names


def test_spinenet_49_is_as_published():
    architecture = search_spaces.load("spinenet-49")
    assert architecture.outputs == {3: 13, 4: 12, 5: 14, 6: 16, 7: 15}
    assert architecture.merge_edges == ((11, 14),)
    assert architecture.live_nodes == tuple(range(17))


def test_r0_sp53_merges_node_11_into_13():
    assert search_spaces.load("r0-sp53").merge_edges == ((11, 13),)


def test_a_scaled_network_has_the_graph_of_another():
    assert set(SAME_GRAPH.values()) <= set(published_names())
    assert graph_name("spinenet-143") == "spinenet-49"
    assert search_spaces.load("spinenet-143") == search_spaces.load("spinenet-49")
    assert graph_name("r50-fpn") == "r50-fpn"


def test_an_unknown_name_is_refused_with_a_suggestion():
    with pytest.raises(ArchitectureError, match="did you mean 'spinenet-49'"):
        search_spaces.load("spinenet49")
