"""The recurrent controllers against uniform random on the agreement with a hidden target."""

import numpy as np
import pytest

import controllers
import search_spaces
from proxies.synthetic import SyntheticProxy

SAMPLES = 2000
SPACE = search_spaces.build("spinenet")


def rewards(name: str, seed: int) -> np.ndarray:
    """The rewards of all samples of one search, in order: [SAMPLES]."""
    controller, proxy = controllers.build(name, SPACE, seed=seed), SyntheticProxy(target_seed=seed)
    told = []
    for _ in range(SAMPLES):
        proposal = controller.ask()
        ap = proxy.evaluate(SPACE.decode(proposal.decisions), seed=0).ap
        controller.tell(proposal, ap)
        told.append(ap)
    return np.array(told)


@pytest.mark.parametrize(("name", "seed"), [*(("ppo", seed) for seed in range(5)), ("reinforce", 0)])
def test_the_last_200_are_better_on_average_than_the_best_that_random_finds(name, seed):
    learnt, random = rewards(name, seed)[-200:].mean(), rewards("random", seed).max()
    print(f"{name}, seed {seed}: mean of the last 200 {learnt:.3f}, best of random {random:.3f}")
    assert learnt > random
