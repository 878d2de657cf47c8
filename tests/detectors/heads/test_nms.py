"""Suppression within groups: order, prefixes and groups."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.detectors.heads.nms import best_first, rank_in_group, select, suppress

SIDE = 64
BOXES = torch.tensor([[0.0, 0, 8, 8], [0, 0, 8, 7], [0, 0, 8, 4], [0, 0, 0, 8], [0, 0, 0, 8]])


def test_overlaps_count_within_a_group_only() -> None:
    assert suppress(BOXES[:2], torch.tensor([3, 3]), SIDE, 0.5).tolist() == [0]
    for other in (0, 4, 13, 99, 1000):
        assert suppress(BOXES[:2], torch.tensor([3, other]), SIDE, 0.0).tolist() == [0, 1]


def test_groups_side_by_side_do_not_touch() -> None:
    whole = torch.tensor([[0.0, 0, SIDE, SIDE]]).expand(200, 4)
    assert len(suppress(whole, torch.arange(200), SIDE, 0.0)) == 200


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_overlap_of_exactly_the_limit_is_kept(dtype: torch.dtype) -> None:
    for group in (0, 7, 89):
        groups = torch.full((5,), group)
        assert suppress(BOXES.to(dtype), groups, SIDE, 0.5).tolist() == [0, 2, 3, 4]
        assert suppress(BOXES.to(dtype), groups, SIDE, 0.499).tolist() == [0, 3, 4]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=40), st.integers(1, 45))
def test_the_best_come_first_and_the_earlier_of_equals(scores: list[int], count: int) -> None:
    expected = sorted(range(len(scores)), key=lambda index: (-scores[index], index))[:count]
    assert best_first(torch.tensor(scores, dtype=torch.float32), count).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=40))
def test_ranks_count_those_before_in_the_group(groups: list[int]) -> None:
    expected = [groups[:index].count(group) for index, group in enumerate(groups)]
    assert rank_in_group(torch.tensor(groups, dtype=torch.long)).tolist() == expected


@pytest.mark.parametrize("limit", [1, 3, 50, 1000])
def test_one_look_and_several_agree(limit: int) -> None:
    generator = torch.Generator().manual_seed(limit)
    corners = torch.randint(0, 24, (1500, 2, 2), generator=generator).float()
    boxes = torch.cat([corners.amin(1), corners.amax(1) + 8], dim=1)
    groups = torch.randint(0, 3, (1500,), generator=generator)
    scores = torch.randint(0, 50, (1500,), generator=generator) / 50
    order = scores.sort(descending=True, stable=True).indices
    order = order[rank_in_group(groups[order]) < 400]
    expected = order[suppress(boxes[order].double(), groups[order], SIDE, 0.7)][:limit]

    chosen, found_boxes, found_groups = select(scores, lambda i: (boxes[i], groups[i]), SIDE, 0.7, 400, limit)

    assert torch.equal(chosen, expected)
    assert torch.equal(found_boxes, boxes[expected])
    assert torch.equal(found_groups, groups[expected])


def test_it_looks_on_until_enough_are_kept() -> None:
    boxes = torch.tensor([[0.0, 0, 8, 8]]).repeat(700, 1)
    boxes[600] += 20
    boxes[699] += 40
    scores = torch.linspace(1, 0.1, 700)
    chosen, _, _ = select(scores, lambda i: (boxes[i], torch.zeros_like(i)), SIDE, 0.5, 5000, 3)
    assert chosen.tolist() == [0, 600, 699]
