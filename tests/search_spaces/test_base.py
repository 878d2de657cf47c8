"""What a space offers without being told, and one contract for all spaces."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces import Architecture, BlockSpec, SearchSpace
from search_spaces.decisions import Decision
from search_spaces.errors import SpaceError
from tests.search_spaces.architecture_support import STEM

ALL_SPACES = [search_spaces.build(name) for name in (*search_spaces.SPACES, *search_spaces.NAMED)]
SMALL = {
    "three orders": {
        "intermediates": (2, 3, 3),
        "outputs": (3,),
        "level_offsets": (-1, 0),
        "block_types": ("bottleneck",),
    },
    "two windows": {
        "intermediates": (3, 3, 4),
        "outputs": (4,),
        "intermediate_window": 2,
        "output_window": 3,
        "level_offsets": (0,),
    },
}


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


@pytest.mark.parametrize("settings_", SMALL.values(), ids=SMALL)
def test_sampling_is_uniform(settings_):
    space = search_spaces.build("toy", **settings_)
    rng = np.random.default_rng(0)
    draws = 12 * space.size()
    counts = Counter(space.sample_decisions(rng) for _ in range(draws))
    chi_square = sum((counts[sequence] - 12) ** 2 / 12 for sequence in space.enumerate_decisions())
    freedom = space.size() - 1
    assert abs(chi_square - freedom) < 5 * np.sqrt(2 * freedom)


def test_bad_sequences_are_refused():
    space = search_spaces.build("toy")
    good = space.sample_decisions(np.random.default_rng(0))
    with pytest.raises(SpaceError, match="ends before"):
        space.decode(good[:-1])
    with pytest.raises(SpaceError, match="ends after"):
        space.decode((*good, 0))
    with pytest.raises(SpaceError, match=r"decision 0 \(block2.base_level\) is 7; allowed here: \[0, 1\]"):
        space.decode((7, *good[1:]))


def test_enumeration_starts_with_its_prefix():
    space = search_spaces.build("toy", **SMALL["three orders"])
    every = list(space.enumerate_decisions())
    prefix = every[-1][:2]
    assert list(space.enumerate_decisions(prefix)) == [one for one in every if one[:2] == prefix]
    assert len(every) == space.size()


def test_a_forbidden_choice_is_never_sampled_and_is_refused():
    space = search_spaces.build("toy", **SMALL["two windows"])
    good = space.sample_decisions(np.random.default_rng(0))
    for at in range(len(good)):
        decision = space.next_decision(good[:at])
        for choice, allowed in enumerate(decision.mask):
            if not allowed:
                with pytest.raises(SpaceError, match=rf"decision {at} \({decision.name}\) is {choice}; allowed here"):
                    space.check_decisions((*good[:at], choice))


@dataclass(frozen=True)
class Levels(SearchSpace):
    """One output block whose level is searched: the least that a space must define."""

    name: str = "levels"

    def next_decision(self, prefix):
        return None if prefix else Decision("level", "level", (3, 4, 5), (1, 0, 1))

    def decode(self, decisions):
        self.check_decisions(decisions)
        level = (3, 4, 5)[decisions[0]]
        return Architecture(STEM, (BlockSpec(level, parents=(0, 1), is_output=True),), level, level)

    def encode(self, architecture):
        return ((3, 4, 5).index(architecture.blocks[0].level),)

    def size(self):
        return 2

    def size_factors(self):
        return {"levels": 2}

    @property
    def slots(self):
        return (("level", "level", 3),)


def test_a_space_without_a_paper_gives_no_paper_size():
    assert Levels().paper_size() is None


def test_only_allowed_sequences_are_enumerated():
    assert list(Levels().enumerate_decisions()) == [(0,), (2,)]
