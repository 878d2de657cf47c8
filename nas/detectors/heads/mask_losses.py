"""How Mask R-CNN is trained: which anchors and regions are sampled, and the five losses.

Numbers and normalisers are those of the TPU release (``configs/maskrcnn_config.py``, ``modeling/losses.py``,
``ops/target_ops.py``). Samples are drawn with torch's global generator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.detectors.boxes import encode, pairwise_iou, to_corners
from nas.detectors.heads.matching import match, pad_targets
from nas.detectors.heads.regions import crop, encode_regions
from nas.detectors.sizes import Size

RPN_POSITIVE_IOU, RPN_NEGATIVE_IOU = 0.7, 0.3
RPN_SAMPLES, RPN_POSITIVE_SHARE = 256, 0.5
RPN_HUBER_DELTA = 1 / 9
FOREGROUND_IOU = 0.5
REGION_SAMPLES, FOREGROUND_SHARE = 512, 0.25
BOX_HUBER_DELTA = 1.0
MASK_REGIONS = 128
OBJECT_CROP = 112  # positions along a side to which an object's mask is cropped before regions are cut from it


@dataclass(frozen=True, slots=True)
class Regions:
    """Sampled regions of one image, foreground first.

    Attributes:
        boxes: [R, 4] xyxy pixels.
        labels: [R], 0 the background.
        objects: [F], index of the object of each foreground region; these regions are the first F.
    """

    boxes: Tensor
    labels: Tensor
    objects: Tensor

    def first(self, count: int) -> Regions:
        """The first ``count`` regions."""
        return Regions(self.boxes[:count], self.labels[:count], self.objects[:count])


def sample_balanced(positive: Tensor, negative: Tensor, count: int, share: float) -> tuple[Tensor, Tensor]:
    """Indices of at most ``count * share`` positives, and of enough negatives to make ``count`` in all.

    Args:
        positive, negative: masks [N].
    """
    chosen = _shuffled(positive)[: int(count * share)]
    return chosen, _shuffled(negative)[: count - len(chosen)]


def _shuffled(mask: Tensor) -> Tensor:
    indices = mask.nonzero().squeeze(1)
    return indices[torch.randperm(len(indices), device=mask.device)]


def rpn_losses(
    logits: Tensor, codes: Tensor, anchors: Tensor, level_sizes: Sequence[int], targets: Sequence[Mapping[str, Tensor]]
) -> dict[str, Tensor]:
    """Losses of the region proposal network.

    ``rpn_class`` is the sigmoid cross-entropy over the sampled anchors, divided by ``RPN_SAMPLES`` per image.
    ``rpn_box`` is the mean Huber loss over the codes of all positive anchors of a level, summed over the levels.

    Args:
        logits: [B, N].
        codes: [B, N, 4], ty, tx, th, tw.
        anchors: [N, 4] in centre form, pixels.
        level_sizes: how many of the N anchors belong to each level.
        targets: per image ``boxes`` [M, 4] (xyxy pixels) and ``labels`` [M].
    """
    with torch.no_grad():
        boxes, _ = pad_targets(targets)
        matched = match(boxes, to_corners(anchors), RPN_POSITIVE_IOU, RPN_NEGATIVE_IOU)
        samples = [sample_balanced(row >= 0, row == -1, RPN_SAMPLES, RPN_POSITIVE_SHARE) for row in matched]
        image, anchor = (matched >= 0).nonzero(as_tuple=True)
        wanted = encode(boxes[image, matched[image, anchor]], anchors[anchor])
        levels = torch.arange(len(level_sizes)).repeat_interleave(torch.tensor(level_sizes)).to(anchor.device)[anchor]
    score = logits.new_zeros(())
    for row, (positive, negative) in zip(logits.float(), samples):
        score = score + F.softplus(-row[positive]).sum() + F.softplus(row[negative]).sum()
    errors = F.huber_loss(codes[image, anchor].float(), wanted, reduction="none", delta=RPN_HUBER_DELTA).mean(1)
    sums = errors.new_zeros(len(level_sizes)).index_add(0, levels, errors)
    counts = levels.bincount(minlength=len(level_sizes)).clamp(min=1)
    return {"rpn_class": score / (RPN_SAMPLES * len(logits)), "rpn_box": (sums / counts).sum()}


def sample_regions(proposals: Tensor, target: Mapping[str, Tensor], image_size: Size) -> Regions:
    """Regions of one image to train the box head on.

    Candidates are the proposals and the objects' own boxes, or the whole image if there are neither. A region is in the
    foreground if its IoU with an object is above ``FOREGROUND_IOU``, and in the background if it is below for all.

    Args:
        proposals: [N, 4], xyxy pixels.
        target: ``boxes`` [M, 4] and ``labels`` [M].
    """
    own = target["boxes"].reshape(-1, 4).to(proposals)
    boxes = torch.cat([proposals, own])
    if len(boxes) == 0:
        boxes = proposals.new_tensor([[0, 0, image_size[1], image_size[0]]])
    iou = pairwise_iou(own.unsqueeze(0), boxes)[0].nan_to_num(nan=0.0)
    overlap, owner = F.pad(iou, (0, 0, 0, 1)).max(dim=0)  # the last row stands for no object
    chosen, rest = sample_balanced(overlap > FOREGROUND_IOU, overlap < FOREGROUND_IOU, REGION_SAMPLES, FOREGROUND_SHARE)
    objects = owner[chosen]
    labels = F.pad(target["labels"].reshape(-1).long()[objects], (0, len(rest)))
    return Regions(boxes[torch.cat([chosen, rest])], labels, objects)


def box_losses(
    logits: Tensor,
    codes: Tensor,
    regions: Sequence[Regions],
    targets: Sequence[Mapping[str, Tensor]],
    inclusive: bool = False,
) -> dict[str, Tensor]:
    """Losses of the box head.

    ``class`` is the mean softmax cross-entropy over all regions. ``box`` is the mean Huber loss over the foreground's
    codes for its own class.

    Args:
        logits: [R, K]; R runs over the images, then over their regions.
        codes: [R, 4 * K].
        inclusive: as in :func:`encode_regions`.
    """
    labels = torch.cat([image.labels for image in regions])
    foreground = labels.nonzero().squeeze(1)
    pairs = list(zip(regions, targets))
    boxes = torch.cat([target["boxes"].reshape(-1, 4)[image.objects].float() for image, target in pairs])
    rois = torch.cat([image.boxes[: len(image.objects)] for image in regions])
    own = codes.unflatten(1, (-1, 4))[foreground, labels[foreground]].float()
    errors = F.huber_loss(own, encode_regions(boxes, rois, inclusive), reduction="sum", delta=BOX_HUBER_DELTA)
    return {"class": F.cross_entropy(logits.float(), labels), "box": errors / max(own.numel(), 1)}


def mask_loss(logits: Tensor, regions: Sequence[Regions], targets: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """Mean sigmoid cross-entropy over the masks of the foreground.

    Args:
        logits: [R, h, h]; R runs over the images, then over their regions.
        targets: per image ``boxes`` [M, 4] and ``masks`` [M, H, W], boolean or between 0 and 1.
    """
    foreground = torch.cat([image.labels for image in regions]).nonzero().squeeze(1)
    wanted = torch.cat([mask_targets(image, target, logits.shape[-1]) for image, target in zip(regions, targets)])
    own = logits[foreground].float()
    return F.binary_cross_entropy_with_logits(own, wanted, reduction="sum") / max(own.numel(), 1)


def mask_targets(regions: Regions, target: Mapping[str, Tensor], size: int) -> Tensor:
    """What the masks of one image's foreground should be: [F, size, size], between 0 and 1.

    An object's mask is first cropped to its box with ``OBJECT_CROP`` positions a side, as in the TPU release.
    """
    if len(regions.objects) == 0:
        return regions.boxes.new_zeros(0, size, size)
    boxes = target["boxes"].to(regions.boxes)
    masks, own_mask = target["masks"].to(boxes).unsqueeze(1), torch.arange(len(boxes), device=boxes.device)
    crops = crop(masks, own_mask, boxes, OBJECT_CROP)
    own = boxes[regions.objects]
    origins, sides = own[:, :2].repeat(1, 2), (own[:, 2:] - own[:, :2]).repeat(1, 2)
    within = (regions.boxes[: len(own)] - origins) / sides * OBJECT_CROP
    return crop(crops, regions.objects, within, size).squeeze(1)
