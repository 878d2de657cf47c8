"""The architecture's rules, its JSON, and the identity that ignores labelling."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces import Architecture, BlockSpec
from search_spaces.errors import ArchitectureError

STEM = (BlockSpec(2), BlockSpec(2, parents=(0,)))


def small(*blocks: BlockSpec, low: int = 3, high: int = 4) -> Architecture:
    return Architecture(STEM, blocks, low, high)


def outputs(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[BlockSpec, BlockSpec]:
    return BlockSpec(3, parents=first, is_output=True), BlockSpec(4, parents=second, is_output=True)


@pytest.mark.parametrize(
    ("blocks", "sentence"),
    [
        (
            (BlockSpec(3, parents=(0, 2), is_output=True), BlockSpec(4, parents=(0,), is_output=True)),
            "does not come before it",
        ),
        ((BlockSpec(3, parents=(0, 0), is_output=True), BlockSpec(4, parents=(0,), is_output=True)), "distinct"),
        ((BlockSpec(3, parents=(), is_output=True), BlockSpec(4, parents=(0,), is_output=True)), "no parent"),
        ((BlockSpec(9, parents=(0,)), *outputs((0,), (0,))), "block 2 has level 9"),
        ((BlockSpec(3, "dense", (0,)), *outputs((0,), (0,))), "block_type 'dense'"),
        ((BlockSpec(3, parents=(0,), is_output=True),), "no block is the output of level 4"),
        ((*outputs((0,), (0,)), BlockSpec(4, parents=(1,), is_output=True)), "blocks 3 and 4 are both the output"),
        ((*outputs((0,), (0,)), BlockSpec(5, parents=(1,), is_output=True)), "outputs lie at levels 3 to 4"),
    ],
)
def test_a_broken_rule_is_named(blocks, sentence):
    with pytest.raises(ArchitectureError, match=sentence):
        small(*blocks)


def test_stem_is_a_chain():
    with pytest.raises(ArchitectureError, match="block 1 is in the stem"):
        Architecture((BlockSpec(2), BlockSpec(2, parents=())), outputs((0,), (0,)), 3, 4)


def test_spinenet_49_is_as_published():
    architecture = search_spaces.load("spinenet-49")
    assert architecture.outputs == {3: 13, 4: 12, 5: 14, 6: 16, 7: 15}
    assert architecture.merge_edges == ((11, 14),)
    assert architecture.live_nodes == tuple(range(17))


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
    import numpy as np

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
        import networkx as nx

        isomorphic = nx.is_isomorphic(
            search_spaces.to_graph(changed),
            search_spaces.to_graph(architecture),
            node_match=lambda a, b: all(a[key] == b[key] for key in ("level", "block_type", "role")),
            edge_match=lambda a, b: a["kind"] == b["kind"],
        )
        assert (changed.fingerprint == architecture.fingerprint) == isomorphic
        assert not same or isomorphic


def relabel(architecture: Architecture, rng) -> Architecture:
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


def test_json_round_trip(tmp_path):
    architecture = search_spaces.load("spinenet-49")
    path = tmp_path / "best.json"
    path.write_text(architecture.to_json())
    assert search_spaces.load(path) == architecture


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"schema_version": 2}, "schema_version is 2, this version of the project reads 1"),
        ({"schema_version": 0}, "schema_version is 0"),
        ({"colour": 1}, "unknown key 'colour'"),
        ({"blocks": {}}, "is not a list"),
        ({"blocks": [{"level": 3}]}, "key 'parents' is missing"),
        ({"blocks": [{"level": "3", "parents": [0]}]}, "blocks\\[0\\].level: '3' is not an integer"),
        ({"blocks": [{"level": True, "parents": [0]}]}, "True is not an integer"),
    ],
)
def test_a_bad_file_is_explained(tmp_path, change, sentence):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({**search_spaces.load("spinenet-49").to_dict(), **change}))
    with pytest.raises(ArchitectureError, match=f"bad.json.*{sentence}"):
        search_spaces.load(path)


def test_a_file_that_is_not_json_or_not_there(tmp_path):
    path = tmp_path / "bad.json"
    with pytest.raises(ArchitectureError, match="cannot be read"):
        search_spaces.load(path)
    path.write_text("{")
    with pytest.raises(ArchitectureError, match="not JSON"):
        search_spaces.load(path)
    with pytest.raises(ArchitectureError, match="did you mean 'spinenet-49'"):
        search_spaces.load("spinenet49")
