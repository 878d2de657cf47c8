"""Mask R-CNN's regions and detections with shapes that do not depend on the data, for torch.export and ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.detectors.anchors import decode
from nas.detectors.convention import TPU, Convention
from nas.detectors.detector import RawOutputs
from nas.detectors.head_layers import flatten_levels
from nas.detectors.mask_rcnn import MaskRCNN
from nas.detectors.nms import suppress
from nas.detectors.postprocess import DetectionSettings, fixed_order, places, select_fixed, to_scores
from nas.detectors.resample import Size
from nas.detectors.roi import BOX_SIZE, MASK_SIZE, decode_regions, roi_levels, whole_regions
from nas.detectors.rpn import INFERENCE


def mask_detections_fixed(
    detector: MaskRCNN, raw: RawOutputs, image_size: Size, settings: DetectionSettings
) -> tuple[Tensor, ...]:
    """``MaskRCNN.detect`` of one image, with what :func:`nas.detectors.postprocess.detections_fixed` says of limits.

    Returns:
        ``boxes`` [D, 4], ``scores`` [D], ``labels`` [D], ``count`` [] and ``masks`` [D, 28, 28], D =
        ``settings.detections``, zero from ``count`` on.
    """
    endpoints, classes, inclusive = raw["endpoints"], detector.classes, detector.scaling.inclusive_pixels
    rois, valid = proposals_fixed(detector, raw, image_size)
    rules = detector.scaling.rules
    logits, codes = detector.box_head(align_fixed(endpoints, rois, BOX_SIZE, rules))
    codes = codes.float().unflatten(1, (-1, 4))
    every = (logits.double().softmax(1)[:, 1:].float() * valid[:, None]).flatten()
    scores, pairs = every.topk(min(settings.candidates, every.shape[0]))
    pairs, order = pairs.sort()

    def boxes_of(rows: Tensor, labels: Tensor) -> Tensor:
        return decode_regions(codes[rows, labels], rois[rows], image_size, inclusive)

    boxes, scores, labels, count = select_fixed(pairs, scores[order], classes - 1, boxes_of, image_size, settings)
    masks = detector.mask_head(align_fixed(endpoints, boxes, MASK_SIZE, rules), labels).float().sigmoid()
    real = torch.arange(settings.detections, device=boxes.device) < count
    return boxes, scores, labels, count, masks * real[:, None, None]


def proposals_fixed(detector: MaskRCNN, raw: RawOutputs, image_size: Size) -> tuple[Tensor, Tensor]:
    """``MaskRCNN.proposals`` of one image: regions [R, 4], zero from some row on, and 1 for a region, else 0: [R]."""
    boxes, ranked, groups, start = [], [], [], 0
    anchors = detector.anchors(raw)
    for at, (logits, codes) in enumerate(zip(raw["class"].values(), raw["box"].values())):
        scores, codes = to_scores(flatten_levels([logits], 1)[0, :, 0]), flatten_levels([codes], 4)[0]
        order = scores.topk(min(INFERENCE.candidates, scores.shape[0])).indices.sort().values
        own = anchors[start : start + scores.shape[0]]
        boxes.append(decode(codes[order].float(), own[order], image_size, detector.scaling.inclusive_pixels))
        ranked.append(scores[order])
        groups.append(torch.full_like(order, at))
        start += scores.shape[0]
    every = torch.cat(boxes)
    best = fixed_order(torch.cat(ranked))
    every, level = every[best], torch.cat(groups)[best]
    kept = suppress(every, level, max(image_size), INFERENCE.nms_iou)
    flags = torch.zeros_like(best).index_fill(0, kept, 1) * every.any(1)
    found, first = (flags * places(flags)).topk(min(INFERENCE.limit, flags.shape[0]))
    valid = (found > 0).float()
    return every[first] * valid[:, None], valid


def align_fixed(endpoints: Mapping[int, Tensor], boxes: Tensor, size: int, rules: Convention = TPU) -> Tensor:
    """:func:`nas.detectors.roi.align_regions` of one image's regions [R, 4]: [R, C, size, size].

    The positions of all levels are rows of one table, so that every region looks up as many of them.
    """
    table = torch.cat([x[0].flatten(1) for x in endpoints.values()], dim=1).t()
    sizes = [(x.shape[2], x.shape[3]) for x in endpoints.values()]
    starts = [0, *accumulate(height * width for height, width in sizes)][:-1]
    at = roi_levels(boxes, min(endpoints), max(endpoints), rules) - min(endpoints)
    start = torch.tensor(starts, device=boxes.device)[at][:, None, None]
    height, width = torch.tensor(sizes, device=boxes.device)[at].unbind(1)
    x1, y1, x2, y2 = (whole_regions(boxes, rules) / 2.0 ** (at[:, None] + min(endpoints))).unbind(1)
    above, below, down = _samples(y1, y2, height, size * rules.roi_samples)
    left, right, along = _samples(x1, x2, width, size * rules.roi_samples)

    def rows_at(row: Tensor, column: Tensor) -> Tensor:
        return table[start + row[:, :, None] * width[:, None, None] + column[:, None, :]]

    along, down = along[:, None, :, None].to(table.dtype), down[:, :, None, None].to(table.dtype)
    upper = rows_at(above, left) * (1 - along) + rows_at(above, right) * along
    lower = rows_at(below, left) * (1 - along) + rows_at(below, right) * along
    crops = (upper * (1 - down) + lower * down).permute(0, 3, 1, 2)
    return crops if rules.roi_samples == 1 else F.avg_pool2d(crops, rules.roi_samples)


def _samples(first: Tensor, last: Tensor, length: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """In the middle of ``size`` bins from ``first`` to ``last`` [R]: positions before and after on an axis of
    ``length`` [R], and the share of the latter, [R, size] each."""
    middles = (torch.arange(size, device=first.device, dtype=first.dtype) + 0.5) / size
    at = first[:, None] + middles * (last - first)[:, None]
    end = (length - 1)[:, None]
    before = torch.minimum(at.floor().long(), end)
    return before, torch.minimum(before + 1, end), (at - before).clamp(0, 1)
