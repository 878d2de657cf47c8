"""The SpineNet space: its sizes, what is in it, and what is refused."""

import pytest

import search_spaces
from search_spaces import Architecture, BlockSpec
from search_spaces.errors import SpaceError

SPINENET_49 = search_spaces.load("spinenet-49")
SMALL_SPACES = [
    {},
    {"parents_per_block": 1},
    {"intermediates": (2, 3, 3), "outputs": (3,), "level_offsets": (-1, 0), "block_types": ("bottleneck",)},
    {"intermediates": (3, 3, 4), "outputs": (4,), "intermediate_window": 2, "output_window": 3, "level_offsets": (0,)},
    {"permute_intermediates": False, "permute_outputs": False, "block_types": ("residual",)},
    {"stem": (2, 2, 3), "parents_per_block": 3, "intermediates": (6,), "level_offsets": (0, 1, 2), "outputs": (5, 6)},
]


@pytest.mark.parametrize("settings_", SMALL_SPACES, ids=str)
def test_size_is_the_number_of_sequences(settings_):
    space = search_spaces.build("toy", **settings_)
    sequences = list(space.enumerate_decisions())
    assert len(sequences) == len(set(sequences)) == space.size()


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
        ({"intermediates": (2, 3)}, "it has 15 blocks after the stem; the space has 7"),
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
