"""Wirings of the parity cases: one ``(level, block type, (parent, parent), is output)`` per scale-permuted block.

Node ids count the stem first: blocks of SpineNet and of SpineNet-mobile start at id 2. SpineNet-49 and SpineNet-mobile
are those of arXiv 1912.05027; R0-SP53 is read off its Figure 4(c); the random wirings were drawn once and written down.
"""

from __future__ import annotations

Wiring = tuple[tuple[int, str, tuple[int, int], bool], ...]

SPINENET_49: Wiring = (
    (2, "bottleneck", (0, 1), False),
    (4, "residual", (0, 1), False),
    (3, "bottleneck", (2, 3), False),
    (4, "bottleneck", (2, 4), False),
    (6, "residual", (3, 5), False),
    (4, "bottleneck", (3, 5), False),
    (5, "residual", (6, 7), False),
    (7, "residual", (6, 8), False),
    (5, "bottleneck", (8, 9), False),
    (5, "bottleneck", (8, 10), False),
    (4, "bottleneck", (5, 10), True),
    (3, "bottleneck", (4, 10), True),
    (5, "bottleneck", (7, 12), True),
    (7, "bottleneck", (5, 14), True),
    (6, "bottleneck", (12, 14), True),
)

R0_SP53: Wiring = (
    (2, "bottleneck", (0, 1), False),
    (3, "bottleneck", (0, 1), False),
    (3, "bottleneck", (2, 3), False),
    (4, "bottleneck", (2, 4), False),
    (4, "bottleneck", (3, 5), False),
    (3, "bottleneck", (5, 6), False),
    (5, "bottleneck", (4, 7), False),
    (4, "bottleneck", (4, 8), False),
    (4, "bottleneck", (8, 9), False),
    (4, "bottleneck", (8, 10), False),
    (3, "bottleneck", (4, 10), True),
    (4, "bottleneck", (6, 7), True),
    (5, "bottleneck", (8, 13), True),
    (7, "bottleneck", (6, 9), True),
    (6, "bottleneck", (7, 9), True),
)

# Nodes 9 and 11 have no consumer: 9 (L4 residual) merges into 14, 11 (L5 bottleneck) into 12. Resampling by 8 and
# more: 2->5, 4->5 and 4->15 (L2->L7, 32 down), 5->6 (L7->L3, 16 up), 5->8 (L7->L4, 8 up), 10->15 (L3->L7, 16 down),
# 3->16 (L3->L6, 8 down).
RANDOM: Wiring = (
    (2, "residual", (0, 1), False),
    (3, "bottleneck", (0, 2), False),
    (2, "bottleneck", (1, 3), False),
    (7, "residual", (2, 4), False),
    (3, "residual", (4, 5), False),
    (5, "bottleneck", (3, 6), False),
    (4, "residual", (5, 7), False),
    (4, "residual", (6, 8), False),
    (3, "bottleneck", (6, 8), False),
    (5, "bottleneck", (7, 10), False),
    (5, "bottleneck", (8, 10), True),
    (3, "residual", (2, 12), True),
    (4, "residual", (7, 13), True),
    (7, "bottleneck", (4, 10), True),
    (6, "residual", (3, 15), True),
)

# As RANDOM, but the last output takes node 9, which had no consumer yet when 14 was built and so merges there as well.
RANDOM_LATE: Wiring = (*RANDOM[:-1], (6, "residual", (9, 15), True))

SPINENET_MOBILE: Wiring = (
    (2, "mbconv", (0, 1), False),
    (2, "mbconv", (1, 2), False),
    (4, "mbconv", (1, 2), False),
    (3, "mbconv", (3, 4), False),
    (4, "mbconv", (3, 5), False),
    (6, "mbconv", (4, 6), False),
    (4, "mbconv", (4, 6), False),
    (5, "mbconv", (7, 8), False),
    (7, "mbconv", (7, 9), False),
    (5, "mbconv", (9, 10), False),
    (5, "mbconv", (9, 11), False),
    (4, "mbconv", (6, 11), True),
    (3, "mbconv", (5, 11), True),
    (5, "mbconv", (8, 13), True),
    (7, "mbconv", (6, 15), True),
    (6, "mbconv", (13, 15), True),
)


def as_nodes(wiring: Wiring) -> list[dict[str, object]]:
    """The blocks as plain dicts, in the form of ``search_spaces/published/*.json``."""
    return [
        {"level": level, "block_type": block_type, "parents": list(parents), "is_output": is_output}
        for level, block_type, parents, is_output in wiring
    ]
