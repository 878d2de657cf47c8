"""Which network a list of blocks compiles to, and its identity under relabelling."""

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces import Architecture, BlockSpec
from search_spaces.canonical import certificate, live_nodes, merge_edges
from tests.search_spaces.architecture_support import STEM, outputs, relabel, small


def test_an_output_takes_every_unused_block_of_its_kind_and_no_other():
    unused = BlockSpec(4, parents=(0, 1))
    others = BlockSpec(3, parents=(0, 1)), BlockSpec(4, "residual", (0, 1))
    nodes = (*STEM, unused, unused, *others, BlockSpec(4, parents=(0, 1), is_output=True))
    assert merge_edges(nodes) == ((2, 6), (3, 6))


def test_a_parent_of_the_output_is_not_merged_into_it():
    nodes = (*STEM, BlockSpec(4, parents=(0, 1)), BlockSpec(4, parents=(1, 2), is_output=True))
    assert merge_edges(nodes) == ()


def test_the_stem_is_always_live():
    assert live_nodes((*STEM, BlockSpec(3, parents=(0,), is_output=True)), 2) == (0, 1, 2)


def test_a_certificate_lists_the_live_nodes_with_their_sources():
    nodes = (*STEM, BlockSpec(5, "residual", (0,)), BlockSpec(3, parents=(0, 1), is_output=True))
    assert sorted(certificate(nodes, 2)) == [
        ["output", 3, "bottleneck", [[1, "parent"], [2, "parent"]]],
        ["stem000", 2, "bottleneck", []],
        ["stem001", 2, "bottleneck", [[1, "parent"]]],
    ]


def test_a_block_that_nothing_uses_is_dead_unless_its_output_takes_it():
    dead = small(BlockSpec(4, "residual", (0, 1)), *outputs((0, 1), (0, 1)))
    merged = small(BlockSpec(4, "bottleneck", (0, 1)), *outputs((0, 1), (0, 1)))
    without = small(*outputs((0, 1), (0, 1)))
    assert dead.merge_edges == ()
    assert dead.live_nodes == (0, 1, 3, 4)
    assert merged.merge_edges == ((2, 4),)
    assert dead.fingerprint == without.fingerprint != merged.fingerprint


def test_a_dead_block_still_counts_as_its_parents_consumer():
    """Block 2 feeds only block 3, which is dead: 2 is consumed, so it is not merged and is dead, too."""
    chain = small(BlockSpec(4, parents=(0, 1)), BlockSpec(4, "residual", (1, 2)), *outputs((0, 1), (0, 1)))
    assert chain.merge_edges == ()
    assert chain.live_nodes == (0, 1, 4, 5)


def test_fingerprint_ignores_the_order_of_parents_and_of_independent_blocks():
    one = small(BlockSpec(4, parents=(0, 1)), BlockSpec(3, parents=(0, 1)), *outputs((2, 0), (2, 3)))
    other = small(BlockSpec(3, parents=(1, 0)), BlockSpec(4, parents=(1, 0)), *outputs((0, 3), (2, 3)))
    assert one.fingerprint == other.fingerprint


def test_fingerprint_tells_twins_shared_from_twins_apart():
    """Two equal blocks: one feeding both consumers is another network than one feeding each."""
    twin = BlockSpec(5, parents=(0, 1))
    shared = small(twin, twin, *outputs((2, 3), (2, 3)))
    apart = small(
        twin, twin, BlockSpec(3, parents=(2, 0), is_output=True), BlockSpec(4, parents=(3, 0), is_output=True)
    )
    same = small(twin, twin, BlockSpec(3, parents=(2, 0), is_output=True), BlockSpec(4, parents=(2, 0), is_output=True))
    assert len({shared.fingerprint, apart.fingerprint, same.fingerprint}) == 3


def test_fingerprint_does_not_change_between_releases():
    assert search_spaces.load("spinenet-49").fingerprint == "4c320f6a45261178"


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_relabelling_keeps_the_fingerprint_and_another_edge_changes_it(seed):
    rng = np.random.default_rng(seed)
    architecture = search_spaces.build("spinenet").sample(rng)
    assert relabel(architecture, rng).fingerprint == architecture.fingerprint
    position = int(rng.choice([i for i, block in enumerate(architecture.blocks) if block.is_output]))
    index = position + len(architecture.stem)
    block = architecture.blocks[position]
    free = [node for node in range(index) if node not in block.parents]
    rewired = BlockSpec(block.level, block.block_type, (block.parents[0], int(rng.choice(free))), True)
    changed = Architecture(
        architecture.stem, (*architecture.blocks[:position], rewired, *architecture.blocks[position + 1 :])
    )
    same = search_spaces.to_graph(changed).edges == search_spaces.to_graph(architecture).edges
    if len(changed.live_nodes) == len(architecture.live_nodes) == len(architecture.nodes):
        isomorphic = nx.is_isomorphic(
            search_spaces.to_graph(changed),
            search_spaces.to_graph(architecture),
            node_match=lambda a, b: all(a[key] == b[key] for key in ("level", "block_type", "role")),
            edge_match=lambda a, b: a["kind"] == b["kind"],
        )
        assert (changed.fingerprint == architecture.fingerprint) == isomorphic
        assert not same or isomorphic
