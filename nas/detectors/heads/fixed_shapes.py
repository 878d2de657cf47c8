"""Detections and regions in tensors whose shapes do not depend on the data, for torch.export and ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.detectors.boxes import decode
from nas.detectors.convention import TPU, Convention
from nas.detectors.detections import DetectionSettings
from nas.detectors.heads.nms import suppress
from nas.detectors.heads.postprocess import rows_and_classes, to_scores
from nas.detectors.heads.regions import roi_levels, whole_regions
from nas.detectors.heads.rpn import ProposalSettings
from nas.detectors.sizes import Size


def detections_fixed(
    class_logits: Tensor,
    box_codes: Tensor,
    anchors: Tensor,
    image_size: Size,
    settings: DetectionSettings,
    inclusive: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What :func:`~nas.detectors.heads.postprocess.postprocess` finds in one image, in fixed shapes.

    Here ``settings.candidates`` is the number of candidates of all classes together. The result can differ in two cases
    only. First, more (box, class) pairs than that may be above the score threshold, and those left out would have been
    detections: other classes crowd them out, or their score equals that of the last candidate. Second, an IoU may be so
    close to the limit that float32, the only type that ONNX's operator takes, decides otherwise (see :func:`suppress`).

    Args:
        class_logits: [N, K], class 0 the background.
        box_codes: [N, 4].
        anchors: [N, 4] in centre form, pixels.
        inclusive: as in :func:`nas.detectors.boxes.decode`.

    Returns:
        ``boxes`` [D, 4], ``scores`` [D], ``labels`` [D] and ``count`` [], with D =
        ``settings.detections``; what follows the first ``count`` detections is zero.
    """
    pairs, logits = _best_pairs(class_logits[:, 1:].float(), settings.candidates)

    def boxes_of(rows: Tensor, _: Tensor) -> Tensor:
        return decode(box_codes[rows].float(), anchors[rows], image_size, inclusive)

    return select_fixed(pairs, to_scores(logits), class_logits.shape[1] - 1, boxes_of, image_size, settings)


def select_fixed(
    pairs: Tensor,
    scores: Tensor,
    classes: int,
    boxes_of: Callable[[Tensor, Tensor], Tensor],
    image_size: Size,
    settings: DetectionSettings,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """:func:`~nas.detectors.heads.postprocess.select_detections` with fixed shapes and the same arguments.

    Returns:
        The same as :func:`detections_fixed`.
    """
    order = fixed_order(scores)
    scores = scores[order]
    rows, groups = rows_and_classes(pairs[order], classes)
    boxes = boxes_of(rows, groups + 1)
    kept = torch.zeros_like(rows).index_fill(0, suppress(boxes, groups, max(image_size), settings.nms_iou), 1)
    kept = kept * (scores > settings.score_threshold)
    found, best = (kept * places(scores)).topk(min(settings.detections, rows.shape[0]))
    valid = (found > 0).long()
    missing = settings.detections - best.shape[0]
    return (
        F.pad(boxes[best] * valid[:, None], (0, 0, 0, missing)),
        F.pad(scores[best] * valid, (0, missing)),
        F.pad((groups[best] + 1) * valid, (0, missing)),
        valid.sum(),
    )


def _best_pairs(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The ``count`` largest of logits [N, K], as ascending flat indices and values.

    They lie in the ``count`` rows with the largest maxima, so most rows are read only once.
    """
    rows = logits.amax(1).topk(min(count, logits.shape[0])).indices.sort().values
    values = logits[rows].flatten()
    best = values.topk(min(count, values.shape[0])).indices.sort().values
    row, column = rows_and_classes(best, logits.shape[1])
    return rows[row] * logits.shape[1] + column, values[best]


def fixed_order(scores: Tensor) -> Tensor:
    """Indices [N] that sort scores [N] between 0 and 1 in descending order, the earlier of equals first.

    Scores count as equal if their first 46 binary places are. ONNX has no stable sort, but integers that all differ
    have only one order.
    """
    keys = (scores.double() * 2**46).long() * scores.shape[0] + places(scores) - 1
    return keys.topk(scores.shape[0]).indices


def places(scores: Tensor) -> Tensor:
    """The integers N, ..., 2, 1 for scores [N]."""
    return torch.arange(scores.shape[0], 0, -1, device=scores.device)


def proposals_fixed(
    logits: Sequence[Tensor],
    codes: Sequence[Tensor],
    anchors: Sequence[Tensor],
    image_size: Size,
    settings: ProposalSettings,
    inclusive: bool = False,
) -> tuple[Tensor, Tensor]:
    """:func:`nas.detectors.heads.rpn.propose` with fixed shapes and the same arguments.

    Returns:
        Regions [R, 4], which are zero from some row on, and flags [R], 1 for a region and 0 otherwise.
    """
    boxes, ranked, groups = [], [], []
    for at, (logit, code, anchor) in enumerate(zip(logits, codes, anchors)):
        scores = to_scores(logit)
        order = scores.topk(min(settings.candidates, scores.shape[0])).indices.sort().values
        boxes.append(decode(code[order].float(), anchor[order], image_size, inclusive))
        ranked.append(scores[order])
        groups.append(torch.full_like(order, at))
    every = torch.cat(boxes)
    best = fixed_order(torch.cat(ranked))
    every, level = every[best], torch.cat(groups)[best]
    kept = suppress(every, level, max(image_size), settings.nms_iou)
    flags = torch.zeros_like(best).index_fill(0, kept, 1) * every.any(1)
    found, first = (flags * places(flags)).topk(min(settings.limit, flags.shape[0]))
    valid = (found > 0).float()
    return every[first] * valid[:, None], valid


def align_fixed(maps: Mapping[int, Tensor], boxes: Tensor, size: int, convention: Convention = TPU) -> Tensor:
    """:func:`nas.detectors.heads.regions.align_regions` of one image's regions [R, 4]: [R, C, size, size].

    The positions of all levels are rows of one table, so that every region looks up the same number of them.
    """
    table = torch.cat([x[0].flatten(1) for x in maps.values()], dim=1).t()
    sizes = [(x.shape[2], x.shape[3]) for x in maps.values()]
    starts = [0, *accumulate(height * width for height, width in sizes)][:-1]
    at = roi_levels(boxes, min(maps), max(maps), convention) - min(maps)
    start = torch.tensor(starts, device=boxes.device)[at][:, None, None]
    height, width = torch.tensor(sizes, device=boxes.device)[at].unbind(1)
    x1, y1, x2, y2 = (whole_regions(boxes, convention) / 2.0 ** (at[:, None] + min(maps))).unbind(1)
    above, below, down = _samples(y1, y2, height, size * convention.roi_samples)
    left, right, along = _samples(x1, x2, width, size * convention.roi_samples)

    def rows_at(row: Tensor, column: Tensor) -> Tensor:
        return table[start + row[:, :, None] * width[:, None, None] + column[:, None, :]]

    along, down = along[:, None, :, None].to(table.dtype), down[:, :, None, None].to(table.dtype)
    upper = rows_at(above, left) * (1 - along) + rows_at(above, right) * along
    lower = rows_at(below, left) * (1 - along) + rows_at(below, right) * along
    crops = (upper * (1 - down) + lower * down).permute(0, 3, 1, 2)
    return crops if convention.roi_samples == 1 else F.avg_pool2d(crops, convention.roi_samples)


def _samples(first: Tensor, last: Tensor, length: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where the middles of ``size`` bins from ``first`` to ``last`` [R] lie on an axis of ``length`` [R].

    Returns:
        The positions before and after each middle, and the share of the latter, [R, size] each.
    """
    middles = (torch.arange(size, device=first.device, dtype=first.dtype) + 0.5) / size
    at = first[:, None] + middles * (last - first)[:, None]
    end = (length - 1)[:, None]
    before = torch.minimum(at.floor().long(), end)
    return before, torch.minimum(before + 1, end), (at - before).clamp(0, 1)
