"""Proposals against a plain reference; the network's shapes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import box_iou

from nas.detectors import Scaling, build_detector
from nas.detectors.boxes import decode
from nas.detectors.heads.anchors import anchor_boxes
from nas.detectors.heads.rpn import ProposalSettings, RegionProposalNetwork, propose
from nas.detectors.sizes import feature_size

SIZE = (64, 96)
SIZES = tuple((level, feature_size(SIZE, level)) for level in (3, 4, 5))
COUNTS = [3 * height * width for _, (height, width) in SIZES]
ANCHORS = anchor_boxes(SIZES, 3.0, torch.device("cpu"), octaves=1).split(COUNTS)


def propose_slowly(
    logits: list[Tensor], codes: list[Tensor], rules: ProposalSettings, inclusive: bool
) -> list[tuple[float, list[float]]]:
    found = []
    for level in range(len(logits)):
        scores = logits[level].double().sigmoid().float()
        boxes = decode(codes[level], ANCHORS[level], SIZE, inclusive)
        order = sorted(range(len(scores)), key=lambda at: (-scores[at].item(), at))[: rules.candidates]
        kept: list[int] = []
        for at in order:
            box = boxes[at : at + 1].double()
            overlaps = [at_kept for at_kept in kept if box_iou(box, boxes[at_kept][None].double()) > rules.nms_iou]
            if not overlaps and boxes[at].any():
                kept.append(at)
        found += [(scores[at].item(), boxes[at].tolist()) for at in kept]
    return sorted(found, key=lambda pair: -pair[0])[: rules.limit]


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    candidates=st.sampled_from([5, 40]),
    limit=st.sampled_from([3, 20]),
    inclusive=st.booleans(),
    coarse=st.booleans(),
)
def test_proposals_are_those_of_a_plain_loop(
    seed: int, candidates: int, limit: int, inclusive: bool, coarse: bool
) -> None:
    torch.manual_seed(seed)
    logits = [torch.randn(count) for count in COUNTS]
    if coarse:
        logits = [level.round() for level in logits]
    codes = [torch.randn(count, 4) for count in COUNTS]
    rules = ProposalSettings(candidates, 0.5, limit)
    found = propose(logits, codes, ANCHORS, SIZE, rules, inclusive)
    assert found.tolist() == [box for _, box in propose_slowly(logits, codes, rules, inclusive)]


def test_a_box_outside_the_image_is_no_region() -> None:
    logits = [torch.full((count,), -5.0) for count in COUNTS]
    codes = [torch.zeros(count, 4) for count in COUNTS]
    logits[0][7] = 5.0
    codes[0][7, :2] = -100.0
    assert propose(logits, codes, ANCHORS, SIZE, ProposalSettings()).any(dim=1).all()


@pytest.mark.parametrize("separable", [False, True])
def test_shapes_and_initial_outputs(separable: bool) -> None:
    torch.manual_seed(0)
    scaling = Scaling(head_channels=6, rpn_depth=2, separable=separable).resolved("mask_rcnn")
    network = RegionProposalNetwork({level: 8 for level, _ in SIZES}, 3, scaling)
    endpoints = {level: torch.randn(2, 8, *size) for level, size in SIZES}
    logits, codes = network(endpoints)
    assert {level: tuple(x.shape) for level, x in logits.items()} == {level: (2, 3, *size) for level, size in SIZES}
    assert {level: tuple(x.shape) for level, x in codes.items()} == {level: (2, 12, *size) for level, size in SIZES}
    assert separable or logits[3].abs().max() < 0.5  # separable ones start as Keras leaves them, Glorot uniform
    assert len(network.tower.convolutions) == 2


def test_boxes_that_are_not_finite_are_no_regions() -> None:
    scaling = Scaling(endpoints=8, head_channels=8, head_depth=1, width=0.1, fc_channels=8)
    detector = build_detector("spinenet-49", scaling, "mask_rcnn", classes=3).eval()
    assert [len(image["boxes"]) for image in detector.detect(torch.full((1, 3, 128, 128), torch.nan))] == [0]
