"""One contract for all spaces, and the SpineNet space's numbers."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces import Architecture, BlockSpec, SearchSpace
from search_spaces.errors import SpaceError

SPINENET_49 = search_spaces.load("spinenet-49")
ALL_SPACES = [search_spaces.build(name) for name in (*search_spaces.SPACES, *search_spaces.NAMED)]
SMALL_SPACES = [
    {},
    {"parents_per_block": 1},
    {"intermediates": (2, 3, 3), "outputs": (3,), "level_offsets": (-1, 0), "block_types": ("bottleneck",)},
    {"intermediates": (3, 3, 4), "outputs": (4,), "intermediate_window": 2, "output_window": 3, "level_offsets": (0,)},
    {"permute_intermediates": False, "permute_outputs": False, "block_types": ("residual",)},
    {"stem": (2, 2, 3), "parents_per_block": 3, "intermediates": (6,), "level_offsets": (0, 1, 2), "outputs": (5, 6)},
]


@pytest.mark.parametrize("space", ALL_SPACES, ids=lambda space: space.name)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_sample_obeys_every_rule_and_survives_encoding(space: SearchSpace, seed: int):
    decisions = space.sample_decisions(np.random.default_rng(seed))
    space.check_decisions(decisions)
    assert len(decisions) == len(space.slots)
    for at, (name, kind, choices) in enumerate(space.slots):
        decision = space.next_decision(decisions[:at])
        assert decision is not None
        assert (decision.name, decision.kind, len(decision.choices)) == (name, kind, choices)
        assert decision.mask[decisions[at]]
    architecture = space.decode(decisions)
    assert space.decode(space.encode(architecture)) == architecture
    assert space.contains(architecture)


@pytest.mark.parametrize("settings_", SMALL_SPACES, ids=str)
def test_size_is_the_number_of_sequences(settings_):
    space = search_spaces.build("toy", **settings_)
    sequences = list(space.enumerate_decisions())
    assert len(sequences) == len(set(sequences)) == space.size()


@pytest.mark.parametrize("settings_", SMALL_SPACES[2:4], ids=str)
def test_sampling_is_uniform(settings_):
    space = search_spaces.build("toy", **settings_)
    rng = np.random.default_rng(0)
    draws = 12 * space.size()
    counts = Counter(space.sample_decisions(rng) for _ in range(draws))
    chi_square = sum((counts[sequence] - 12) ** 2 / 12 for sequence in space.enumerate_decisions())
    freedom = space.size() - 1
    assert abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom)


def test_size_of_the_spinenet_space():
    space = search_spaces.build("spinenet")
    assert space.size_factors() == {
        "orders": 604_800,
        "connections": 1_062_485_424_000_000_000,
        "levels": 4**10,
        "types": 2**15,
    }
    assert space.size() == 604_800 * 1_062_485_424_000_000_000 * 4**10 * 2**15
    assert space.paper_size() == 435_456_000 * 834_966_920_275_488_000_000 * 4**10 * 2**15


def test_the_published_spinenet_49_is_in_the_space():
    space = search_spaces.build("spinenet")
    assert space.decode(space.encode(SPINENET_49)) == SPINENET_49


def test_parents_in_the_other_order_are_the_same_sequence():
    space = search_spaces.build("spinenet")
    blocks = tuple(BlockSpec(b.level, b.block_type, b.parents[::-1], b.is_output) for b in SPINENET_49.blocks)
    assert space.encode(Architecture(SPINENET_49.stem, blocks)) == space.encode(SPINENET_49)


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [
        ({"intermediate_window": 3}, "block 7 has parents"),
        ({"block_types": ("bottleneck",)}, "block 3 has type residual"),
        ({"level_offsets": (0,)}, "cannot be reached"),
        ({"intermediates": (2, 3)}, "it has 15 blocks after the stem, the space has 7"),
        ({"stem": (2, 2, 2)}, "its stem is"),
        ({"permute_outputs": False}, "its outputs are at levels"),
    ],
)
def test_what_is_outside_is_refused_with_the_rule(settings_, sentence):
    space = search_spaces.build("spinenet", **settings_)
    assert not space.contains(SPINENET_49)
    with pytest.raises(SpaceError, match=sentence):
        space.encode(SPINENET_49)


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [
        ({"stem": (2,)}, "parents_per_block is 2"),
        ({"outputs": (3, 5)}, "contiguous"),
        ({"intermediates": ()}, "intermediates is empty"),
        ({"intermediates": (9,)}, "intermediates has levels"),
        ({"block_types": ("dense",)}, "block_types is"),
        ({"intermediate_window": 1}, "intermediate_window is 1"),
        ({"level_offsets": (1, 1)}, "distinct"),
        ({"level_offsets": (5,)}, "no level offset keeps"),
    ],
)
def test_bad_settings_are_refused(settings_, sentence):
    with pytest.raises(SpaceError, match=sentence):
        search_spaces.build("spinenet", **settings_)


def test_bad_sequences_are_refused():
    space = search_spaces.build("toy")
    good = space.sample_decisions(np.random.default_rng(0))
    with pytest.raises(SpaceError, match="ends before"):
        space.decode(good[:-1])
    with pytest.raises(SpaceError, match="ends after"):
        space.decode((*good, 0))
    with pytest.raises(SpaceError, match=r"decision 0 \(block2.base_level\) is 7; allowed here: \[0, 1\]"):
        space.decode((7, *good[1:]))
