"""Batch k is a function of (seed, k): computed alone it is what the stream gives, and ranks share it out."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.training.order import Pick, permutation, pick_batch

counts = st.integers(1, 40)


@given(seed=st.integers(0, 2**40), step=st.integers(0, 60), images=counts, batch_size=counts)
@settings(max_examples=60, deadline=None)
def test_a_batch_alone_is_the_batch_of_the_stream(seed: int, step: int, images: int, batch_size: int) -> None:
    alone = pick_batch(seed, step, images, batch_size)
    permutation.cache_clear()
    stream = [pick_batch(seed, number, images, batch_size) for number in range(step + 1)]
    assert stream[step] == alone
    assert len(alone) == batch_size
    states = [pick.state for batch in stream for pick in batch]
    assert len(set(states)) == len(states), "no two pictures of a training share their variation"


@given(step=st.integers(0, 20), images=counts, batch_size=counts, ranks=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_ranks_share_the_batch_out(step: int, images: int, batch_size: int, ranks: int) -> None:
    slices = [pick_batch(3, step, images, batch_size, rank, ranks) for rank in range(ranks)]
    assert tuple(itertools.chain(*slices)) == pick_batch(3, step, images, batch_size)
    assert max(map(len, slices)) - min(map(len, slices)) <= 1


@given(images=counts, batch_size=counts)
@settings(max_examples=60, deadline=None)
def test_every_epoch_sees_every_image_once(images: int, batch_size: int) -> None:
    steps = -(-3 * images // batch_size)
    seen = [pick.image for step in range(steps) for pick in pick_batch(5, step, images, batch_size)]
    for epoch in range(3):
        assert sorted(seen[epoch * images : (epoch + 1) * images]) == list(range(images))


def test_batch_size_changes_neither_order_nor_variation() -> None:
    one = [pick for step in range(12) for pick in pick_batch(1, step, 10, 2)]
    other = [pick for step in range(4) for pick in pick_batch(1, step, 10, 6)]
    assert one == other


def test_epochs_and_seeds_differ() -> None:
    orders = {tuple(permutation(seed, epoch, 20).tolist()) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    first, second = (pick_batch(seed, 0, 20, 4)[0].generator().random(3).tolist() for seed in (0, 1))
    assert first != second


def test_a_pick_draws_the_same_again() -> None:
    pick = Pick(0, (1, 2, 3))
    assert pick.generator().random() == pick.generator().random()


def test_a_permutation_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        permutation(0, 0, 5)[0] = 1
