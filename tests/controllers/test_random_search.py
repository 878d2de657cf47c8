"""Random search: uniform over the space, deaf to rewards."""

from collections import Counter

import numpy as np
import pytest

import search_spaces
from controllers.random_search import RandomSearch, RandomSettings

TINY = search_spaces.build("toy", outputs=(3,), block_types=("bottleneck",))


def proposals(reward: float | None, count: int, seed: int = 0) -> list[tuple[int, ...]]:
    controller = RandomSearch(TINY, seed, RandomSettings())
    found = []
    for _ in range(count):
        proposal = controller.ask()
        found.append(proposal.decisions)
        controller.tell(proposal, reward)
    return found


def test_it_draws_what_the_space_draws():
    rng = np.random.default_rng(5)
    assert proposals(0.5, 20, seed=5) == [TINY.sample_decisions(rng) for _ in range(20)]


def test_rewards_change_nothing():
    assert proposals(0.0, 50) == proposals(1.0, 50) == proposals(None, 50)


def test_every_sequence_is_equally_likely():
    count = 100 * TINY.size()
    seen = Counter(proposals(None, count))
    assert len(seen) == TINY.size()
    chi_square = sum((times - 100) ** 2 / 100 for times in seen.values())
    assert chi_square == pytest.approx(TINY.size(), abs=6 * (2 * TINY.size()) ** 0.5)


def test_there_is_nothing_to_show_of_what_is_not_learnt():
    controller = RandomSearch(TINY, 0, RandomSettings())
    controller.tell(controller.ask(), 1.0)
    assert controller.metrics() == {}
