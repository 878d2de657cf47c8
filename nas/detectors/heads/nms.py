"""Non-maximum suppression of many groups at once: the classes of an image, or the levels of a region proposal network.

The order is the same everywhere: by descending score, then by ascending index. What greedy suppression keeps of the
best n boxes does not depend on the boxes that follow, so it stops as soon as it has kept ``limit`` boxes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torchvision.ops import nms

COLUMNS = 10  # 90 classes fill a square, which keeps the shifted coordinates small
FIRST_LOOK = 10  # boxes tried first, per box wanted
GROWTH = 4

Lookup = Callable[[Tensor], tuple[Tensor, Tensor]]


def select(
    scores: Tensor, lookup: Lookup, side: int, iou: float, candidates: int, limit: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The ``limit`` best boxes of all that suppression keeps out of the ``candidates`` best of each group.

    This implies that no group has more than ``limit`` boxes in the result.

    Args:
        scores: [N], finite; N may be 0.
        lookup: from indices [n] into ``scores`` to their boxes [n, 4] (xyxy) and groups [n] (integers from 0 on).
        side: coordinates of boxes lie between 0 and ``side``.
        iou: if two boxes of a group overlap more than this, the later one is dropped.
        candidates: the most boxes of a group that take part in suppression.
        limit: the most boxes in the result.

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

    A box is dropped if its IoU with an earlier box of its group that was kept is above ``iou``. A box without area
    overlaps nothing. To keep the groups apart, each is moved to a square of its own; IoU is computed there, in the type
    of the boxes. With up to 100 groups and sides below 1,600 pixels, float64 keeps coordinates to 2**-39 of a pixel and
    float32 to 2**-10; coordinates that are multiples of that stay exact.

    Args:
        boxes: [N, 4] xyxy, between 0 and ``side``, best first.
        groups: [N], integers from 0 on.

    Returns:
        Indices of the kept boxes, ascending.
    """
    column, row = groups % COLUMNS, torch.div(groups, COLUMNS, rounding_mode="floor")
    squares = torch.stack([column, row, column, row], dim=1) * (side + 1)
    ranks = torch.arange(boxes.shape[0], 0, -1, dtype=boxes.dtype, device=boxes.device)
    return nms(boxes + squares, ranks, iou)


def best_first(scores: Tensor, count: int) -> Tensor:
    """Indices of the ``count`` best of ``scores`` [N], or of all if there are fewer; the earlier of equals is first."""
    if count >= len(scores):
        return scores.sort(descending=True, stable=True).indices
    last = scores.topk(count).values[-1]
    better = (scores > last).nonzero().squeeze(1)
    equal = (scores == last).nonzero().squeeze(1)[: count - len(better)]
    return torch.cat([better[scores[better].sort(descending=True, stable=True).indices], equal])


def rank_in_group(groups: Tensor) -> Tensor:
    """For each entry of ``groups`` [N], how many entries of the same group come before it: integers [N]."""
    in_order, order = groups.sort(stable=True)
    starts = torch.searchsorted(in_order, in_order)
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(groups), device=groups.device) - starts
    return ranks
