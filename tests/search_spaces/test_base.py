"""What a space offers without being told."""

from dataclasses import dataclass

from search_spaces import Architecture, BlockSpec, SearchSpace
from search_spaces.decisions import Decision

STEM = (BlockSpec(2), BlockSpec(2, parents=(0,)))


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
