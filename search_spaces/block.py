"""One block of an architecture: a node of its DAG."""

from __future__ import annotations

from dataclasses import dataclass

MIN_BLOCK_LEVEL = 1
MAX_BLOCK_LEVEL = 7


@dataclass(frozen=True, slots=True)
class BlockSpec:
    """One block (a node of the DAG).

    Attributes:
        level: feature level l; the block works at stride ``2**l``.
        block_type: a name of :data:`search_spaces.vocabulary.BLOCK_TYPES`.
        parents: indices of the nodes that feed the block, all smaller than its own. Only the first stem block has none:
            it reads the stem's convolution, and unless it is an ``mbconv`` block, pooling lies between the two.
        is_output: whether the block is an output block. Each level from ``min_level`` to ``max_level`` has one.
    """

    level: int
    block_type: str = "bottleneck"
    parents: tuple[int, ...] = ()
    is_output: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "parents", tuple(self.parents))
