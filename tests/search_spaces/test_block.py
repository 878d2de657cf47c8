"""A block is a frozen, hashable value."""

import dataclasses

import pytest

from search_spaces import BlockSpec


def test_a_list_of_parents_becomes_a_tuple():
    block = BlockSpec(3, parents=[0, 1])
    assert block.parents == (0, 1)
    assert hash(block) == hash(BlockSpec(3, parents=(0, 1)))


def test_what_is_left_out_has_a_default():
    assert BlockSpec(4) == BlockSpec(4, "bottleneck", (), False)


def test_a_block_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        BlockSpec(3).level = 4
