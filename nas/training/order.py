"""Which images are in a batch, and with which random state: a pure function of the seed and the batch's number.

Training walks through epoch after epoch, each a permutation of the images drawn from (seed, epoch). Position
p = step * batch_size + j of that walk lies in epoch p // n at place p % n, so a batch may hold the end of one epoch
and the start of the next. Every position has a random state of its own for flips and jitter. Nothing is remembered:
resuming takes a step number, and a rank of a distributed training takes its slice of every batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_PERMUTATIONS, _VARIATIONS = 0, 1  # streams that one seed feeds


@dataclass(frozen=True, slots=True)
class Pick:
    """One image of a batch.

    Attributes:
        image: its index.
        state: what its variation is drawn from, see :meth:`generator`.
    """

    image: int
    state: tuple[int, ...]

    def generator(self) -> np.random.Generator:
        """A new generator, the same at every call."""
        return np.random.default_rng(self.state)


def pick_batch(seed: int, step: int, images: int, batch_size: int, rank: int = 0, ranks: int = 1) -> tuple[Pick, ...]:
    """The images of batch ``step``, or a rank's slice of them.

    Args:
        seed: of the order and of all variation, 0 or more.
        step: number of the batch, from 0.
        images: how many there are, at least 1; indices are 0 to ``images`` - 1.
        batch_size: images in the whole batch, over all ranks.
        rank, ranks: the slices of ranks 0 to ``ranks`` - 1, joined, are the whole batch.
    """
    first, last = (step * batch_size + number * batch_size // ranks for number in (rank, rank + 1))
    return tuple(
        Pick(int(permutation(seed, position // images, images)[position % images]), (seed, _VARIATIONS, position))
        for position in range(first, last)
    )


@lru_cache(maxsize=4)
def permutation(seed: int, epoch: int, images: int) -> NDArray[np.int64]:
    """The order of the images in an epoch: [images], read-only. The latest few are kept, for speed alone."""
    order = np.random.default_rng((seed, _PERMUTATIONS, epoch)).permutation(images)
    order.setflags(write=False)
    return order
