"""Every broken rule is named, and a valid architecture breaks none."""

import pytest

import search_spaces
from search_spaces import Architecture, BlockSpec
from search_spaces.errors import ArchitectureError
from search_spaces.rules import find_problems
from tests.search_spaces.architecture_support import STEM, outputs, small


@pytest.mark.parametrize("name", search_spaces.published_names())
def test_published_architectures_break_no_rule(name):
    architecture = search_spaces.load(name)
    assert not list(
        find_problems(architecture.stem, architecture.blocks, architecture.min_level, architecture.max_level)
    )


@pytest.mark.parametrize(
    ("blocks", "sentence"),
    [
        (
            (BlockSpec(3, parents=(0, 2), is_output=True), BlockSpec(4, parents=(0,), is_output=True)),
            "does not come before it",
        ),
        ((BlockSpec(3, parents=(0, 7), is_output=True), *outputs((0,), (0,))[1:]), "parent 7, which does not exist"),
        ((BlockSpec(3, parents=(0, 0), is_output=True), BlockSpec(4, parents=(0,), is_output=True)), "distinct"),
        ((BlockSpec(3, parents=(), is_output=True), BlockSpec(4, parents=(0,), is_output=True)), "no parent"),
        ((BlockSpec(9, parents=(0,)), *outputs((0,), (0,))), "block 2 has level 9"),
        ((BlockSpec(3, "dense", (0,)), *outputs((0,), (0,))), "block_type 'dense'"),
        ((BlockSpec(3, "mbconv", (0,)), *outputs((0,), (0,))), "mbconv cannot be mixed with other types"),
        ((BlockSpec(3, parents=(0,), is_output=True),), "no block is the output of level 4"),
        ((*outputs((0,), (0,)), BlockSpec(4, parents=(1,), is_output=True)), "blocks 3 and 4 are both the output"),
        ((*outputs((0,), (0,)), BlockSpec(5, parents=(1,), is_output=True)), "outputs must lie at levels 3 to 4"),
    ],
)
def test_a_broken_rule_is_named(blocks, sentence):
    with pytest.raises(ArchitectureError, match=sentence):
        small(*blocks)


@pytest.mark.parametrize(
    ("stem", "sentence"),
    [
        ((), "the stem has no block"),
        ((BlockSpec(2), BlockSpec(2)), r"block 1 is in the stem and has parents \(\)"),
        ((BlockSpec(2), BlockSpec(2, parents=(0,), is_output=True)), "block 1 is in the stem and is marked"),
        ((BlockSpec(3), BlockSpec(3, parents=(0,))), "block 0 is the first of the stem and has level 3; .* level 2"),
        ((BlockSpec(2), BlockSpec(4, parents=(0,))), "block 1 is in the stem and has level 4; .* level 2 or 3"),
    ],
)
def test_the_stem_is_a_chain_that_rises_slowly(stem, sentence):
    with pytest.raises(ArchitectureError, match=sentence):
        Architecture(stem, outputs((0,), (0,)), 3, 4)


@pytest.mark.parametrize(("low", "high"), [(0, 4), (5, 4), (3, 8)])
def test_levels_lie_in_a_range(low, high):
    (first, *_) = find_problems(STEM, outputs((0,), (0,)), low, high)
    assert first == f"min_level {low} and max_level {high} must satisfy 1 <= min_level <= max_level <= 7."


def pyramid(*blocks: BlockSpec) -> Architecture:
    """Feature pyramid blocks after a stem with one block at each of levels 2 to 4."""
    stem = (BlockSpec(2), BlockSpec(3, parents=(0,)), BlockSpec(4, parents=(1,)))
    return Architecture(stem, blocks, 3, 5)


def test_a_feature_pyramid_has_its_one_shape():
    top = BlockSpec(4, "fpn", (2,), True)
    fine = BlockSpec(3, "fpn", (1, 3), True)
    coarse = BlockSpec(5, "fpn", (3,), True)
    assert pyramid(top, fine, coarse).family == "resnet-fpn"
    with pytest.raises(ArchitectureError, match="block 5 is an fpn block at level 5"):
        pyramid(top, fine, BlockSpec(5, "fpn", (2,), True))
    with pytest.raises(ArchitectureError, match="block 4 is an fpn block at level 3"):
        pyramid(top, BlockSpec(3, "fpn", (1, 2), True), coarse)
    with pytest.raises(ArchitectureError, match="block 5 is of type bottleneck; if there are fpn blocks"):
        pyramid(top, fine, BlockSpec(5, "bottleneck", (3,), True))
