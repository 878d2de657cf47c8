"""Samplers and losses of Mask R-CNN against plain references and by hand."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import box_iou

from nas.detectors.boxes import encode, to_corners
from nas.detectors.heads.anchors import anchor_boxes
from nas.detectors.heads.mask_losses import (
    Regions,
    box_losses,
    mask_loss,
    mask_targets,
    rpn_losses,
    sample_balanced,
    sample_regions,
)
from nas.detectors.heads.regions import encode_regions

SIZE = (96, 96)
SIZES = ((3, (12, 12)), (4, (6, 6)), (5, (3, 3)))
COUNTS = [3 * height * width for _, (height, width) in SIZES]
ANCHORS = anchor_boxes(SIZES, 3.0, torch.device("cpu"), octaves=1)
NOTHING = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64), "masks": torch.zeros(0, *SIZE)}
seeds = st.integers(0, 2**32 - 1)


def random_target(count: int) -> dict[str, Tensor]:
    start, side = torch.rand(count, 2) * 60, torch.rand(count, 2) * 30 + 5
    return {"boxes": torch.cat([start, start + side], 1), "labels": torch.randint(1, 4, (count,))}


@settings(max_examples=30, deadline=None)
@given(seed=seeds, count=st.integers(1, 40), share=st.sampled_from([0.25, 0.5]))
def test_samples_are_balanced(seed: int, count: int, share: float) -> None:
    torch.manual_seed(seed)
    kind = torch.randint(0, 3, (60,))
    chosen, rest = sample_balanced(kind == 1, kind == 0, count, share)
    assert (kind[chosen] == 1).all()
    assert (kind[rest] == 0).all()
    assert len(set(chosen.tolist())) == len(chosen) == min(int(count * share), int((kind == 1).sum()))
    assert len(set(rest.tolist())) == len(rest) == min(count - len(chosen), int((kind == 0).sum()))


def test_samples_follow_the_global_generator() -> None:
    mask = torch.ones(50, dtype=torch.bool)
    first, second, third = (
        (torch.manual_seed(seed), sample_balanced(mask, mask, 20, 0.5)[0].tolist())[1] for seed in (0, 0, 1)
    )
    assert first == second != third


@settings(max_examples=15, deadline=None)
@given(seed=seeds, count=st.integers(0, 4))
def test_rpn_losses_are_the_plain_sums(seed: int, count: int) -> None:
    """With equal logits any sample of the same sizes has the same loss; boxes are not sampled."""
    torch.manual_seed(seed)
    target, codes = random_target(count), torch.randn(1, len(ANCHORS), 4)
    found = rpn_losses(torch.full((1, len(ANCHORS)), 0.3), codes, ANCHORS, COUNTS, [target])
    iou = F.pad(box_iou(target["boxes"], to_corners(ANCHORS)), (0, 0, 0, 1))
    matched = torch.where(iou.max(0).values >= 0.7, iou.argmax(0), -1)
    for index in reversed(range(count)):
        matched[iou[index].argmax()] = index
    negatives = ((matched < 0) & (iou.max(0).values < 0.3)).sum().item()
    positives = min((matched >= 0).sum().item(), 128)
    terms = [
        F.softplus(torch.tensor(-0.3)) * positives,
        F.softplus(torch.tensor(0.3)) * min(negatives, 256 - positives),
    ]
    torch.testing.assert_close(found["rpn_class"], sum(terms) / 256, atol=1e-6, rtol=1e-4)
    box = torch.zeros(())
    for rows in torch.arange(len(ANCHORS)).split(COUNTS):
        own = rows[matched[rows] >= 0]
        if len(own):
            wanted = encode(target["boxes"][matched[own]], ANCHORS[own])
            box = box + F.huber_loss(codes[0, own], wanted, delta=1 / 9)
    torch.testing.assert_close(found["rpn_box"], box)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, count=st.integers(0, 4), proposals=st.sampled_from([0, 1, 900]))
def test_sampled_regions(seed: int, count: int, proposals: int) -> None:
    torch.manual_seed(seed)
    target = random_target(count)
    start = torch.rand(proposals, 2) * 60
    regions = sample_regions(torch.cat([start, start + torch.rand(proposals, 2) * 36], 1), target, SIZE)
    foreground = len(regions.objects)
    assert len(regions.boxes) == len(regions.labels) == min(max(proposals + count, 1), 512)
    assert count <= foreground <= 128
    iou = F.pad(box_iou(target["boxes"], regions.boxes), (0, 0, 0, 1))
    assert (iou[:, :foreground].max(0).values > 0.5).all()
    assert (iou[:, foreground:].max(0).values < 0.5).all()
    assert regions.objects.tolist() == iou[:, :foreground].argmax(0).tolist()
    assert regions.labels.tolist() == [
        *target["labels"][regions.objects].tolist(),
        *[0] * (len(regions.boxes) - foreground),
    ]


def test_an_image_without_any_region_gives_itself() -> None:
    regions = sample_regions(torch.zeros(0, 4), NOTHING, (40, 60))
    assert regions.boxes.tolist() == [[0, 0, 60, 40]]
    assert regions.labels.tolist() == [0]


def test_objects_and_proposals_without_area_are_background() -> None:
    target = {"boxes": torch.tensor([[5.0, 5, 5, 9]]), "labels": torch.tensor([2])}
    regions = sample_regions(torch.tensor([[5.0, 5, 5, 9], [0, 0, 9, 9]]), target, SIZE)
    assert regions.labels.tolist() == [0, 0, 0]


@pytest.mark.parametrize("inclusive", [False, True])
def test_box_losses_by_hand(inclusive: bool) -> None:
    torch.manual_seed(0)
    target = {"boxes": torch.tensor([[10.0, 10, 50, 40]]), "labels": torch.tensor([2])}
    rois = torch.tensor([[12.0, 8, 50, 45], [60, 60, 80, 90]])
    regions = [
        Regions(rois, torch.tensor([2, 0]), torch.tensor([0])),
        Regions(rois[:1], torch.tensor([0]), torch.zeros(0, dtype=torch.int64)),
    ]
    logits, codes = torch.randn(3, 4), torch.randn(3, 16)
    found = box_losses(logits, codes, regions, [target, NOTHING], inclusive)
    log_probabilities = logits.log_softmax(1)
    expected = -(log_probabilities[0, 2] + log_probabilities[1, 0] + log_probabilities[2, 0]) / 3
    torch.testing.assert_close(found["class"], expected)
    error = (codes[0, 8:12] - encode_regions(target["boxes"], rois[:1], inclusive)[0]).abs()
    torch.testing.assert_close(found["box"], torch.where(error < 1, error**2 / 2, error - 0.5).mean())


def test_losses_without_foreground_are_zero_and_differentiable() -> None:
    regions = [Regions(torch.tensor([[1.0, 1, 9, 9]]), torch.tensor([0]), torch.zeros(0, dtype=torch.int64))]
    codes, logits = torch.randn(1, 16, requires_grad=True), torch.randn(1, 28, 28, requires_grad=True)
    loss = box_losses(torch.randn(1, 4), codes, regions, [NOTHING])["box"] + mask_loss(logits, regions, [NOTHING])
    loss.backward()
    assert loss == 0
    assert codes.grad is not None
    assert logits.grad is not None


def test_mask_targets_are_the_part_of_the_object_in_the_region() -> None:
    masks = torch.zeros(2, 96, 96, dtype=torch.bool)
    masks[0, 20:60, 10:50] = True
    masks[1, 30:50, 40:60] = True
    masks[1, 40:50, 40:60] = False
    target = {
        "boxes": torch.tensor([[10.0, 20, 50, 60], [40, 30, 60, 50]]),
        "labels": torch.tensor([1, 1]),
        "masks": masks,
    }
    boxes = torch.tensor([[10.0, 20, 50, 60], [40, 30, 60, 50], [30, 20, 70, 60], [0, 0, 9, 9]])
    regions = Regions(boxes, torch.tensor([1, 1, 1, 0]), torch.tensor([0, 1, 0]))
    found = mask_targets(regions, target, 28)
    assert found.shape == (3, 28, 28)
    halves = torch.zeros(2, 28, 28)
    halves[0, :14] = 1
    halves[1, :, :14] = 1
    torch.testing.assert_close(found[0], torch.ones(28, 28))
    torch.testing.assert_close((found[1] > 0.5).float(), halves[0])
    torch.testing.assert_close((found[2] > 0.5).float(), halves[1])


def test_mask_loss_by_hand() -> None:
    masks = torch.ones(1, 96, 96)
    target = {"boxes": torch.tensor([[10.0, 20, 50, 60]]), "labels": torch.tensor([1]), "masks": masks}
    regions = [Regions(target["boxes"].repeat(2, 1), torch.tensor([1, 0]), torch.tensor([0]))]
    logits = torch.randn(2, 28, 28)
    torch.testing.assert_close(mask_loss(logits, regions, [target]), F.softplus(-logits[0]).mean())
