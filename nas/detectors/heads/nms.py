"""Non-maximum suppression of many groups at once: the classes of an image, or the levels of a region proposal network.

Order is the same everywhere: score descending, then index ascending. What greedy suppression keeps of the best n
boxes does not depend on the boxes that follow, so only as many are looked at as it takes to keep ``limit``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.ops import nms

COLUMNS = 10  # 90 classes fill a square, which keeps the shifted coordinates small
FIRST_LOOK = 10  # boxes looked at first, per box wanted
GROWTH = 4

Lookup = Callable[[Tensor], tuple[Tensor, Tensor]]


def select(
    scores: Tensor, lookup: Lookup, side: int, iou: float, candidates: int, limit: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The ``limit`` best of what suppression within each group keeps of the group's ``candidates`` best.

    As many per group at most is implied: the best of all hold no more of one group than that.

    Args:
        scores: [N], finite; N may be 0.
        lookup: from indices [n] into ``scores`` to their boxes [n, 4] (xyxy) and groups [n] (integers from 0 on).
        side: boxes lie in 0 to ``side``.
        iou: of two boxes of a group that overlap more, the later one is dropped.

    Returns:
        Indices into ``scores`` [n], best first, with n <= ``limit``; their boxes [n, 4] and groups [n].
    """
    count = FIRST_LOOK * limit
    while True:
        order = best_first(scores, count)
        boxes, groups = lookup(order)
        tried = (rank_in_group(groups) < candidates).nonzero().squeeze(1)
        kept = tried[suppress(boxes[tried].double(), groups[tried], side, iou)[:limit]]
        if len(kept) == limit or count >= len(scores):
            return order[kept], boxes[kept], groups[kept]
        count *= GROWTH


def suppress(boxes: Tensor, groups: Tensor, side: int, iou: float) -> Tensor:
    """Greedy non-maximum suppression within each group.

    A box is dropped if its IoU with a kept, earlier box of its group is above ``iou``; a box without area overlaps
    nothing. Groups are told apart by moving each to a square of its own, and IoU is computed in the boxes' own type
    there: with up to 100 groups and sides below 1,600 pixels float64 keeps coordinates to 2**-39 of a pixel, float32
    to 2**-10; multiples of that are exact.

    Args:
        boxes: [N, 4] xyxy in 0 to ``side``, best first.
        groups: [N], integers from 0 on.

    Returns:
        Indices of the kept boxes, ascending.
    """
    column, row = groups % COLUMNS, torch.div(groups, COLUMNS, rounding_mode="floor")
    squares = torch.stack([column, row, column, row], dim=1) * (side + 1)
    ranks = torch.arange(boxes.shape[0], 0, -1, dtype=boxes.dtype, device=boxes.device)
    return nms(boxes + squares, ranks, iou)


def best_first(scores: Tensor, count: int) -> Tensor:
    """Indices of the ``count`` best of ``scores`` [N] (of all, if fewer), the earlier of equals first."""
    if count >= len(scores):
        return scores.sort(descending=True, stable=True).indices
    last = scores.topk(count).values[-1]
    better = (scores > last).nonzero().squeeze(1)
    equal = (scores == last).nonzero().squeeze(1)[: count - len(better)]
    return torch.cat([better[scores[better].sort(descending=True, stable=True).indices], equal])


def rank_in_group(groups: Tensor) -> Tensor:
    """How many of the same group come before each of ``groups`` [N]: integers [N]."""
    in_order, order = groups.sort(stable=True)
    starts = torch.searchsorted(in_order, in_order)
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(groups), device=groups.device) - starts
    return ranks
