"""Greedy matching: the highest score first, the largest overlap, crowd regions last."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.evaluation.matching import IGNORED, UNMATCHED, box_overlaps, match
from tests.evaluation.random_images import random_boxes, slow_overlap


@given(seed=st.integers(0, 1000), found=st.integers(0, 5), true=st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_overlaps_one_by_one(seed: int, found: int, true: int) -> None:
    rng = np.random.default_rng(seed)
    one, other, crowd = random_boxes(rng, found), random_boxes(rng, true), rng.random(true) < 0.3
    slow = [[slow_overlap(a, b, c) for b, c in zip(other, crowd)] for a in one]
    np.testing.assert_allclose(box_overlaps(one, other, crowd), np.asarray(slow).reshape(found, true), atol=1e-6)


def test_the_highest_score_takes_what_it_overlaps_most() -> None:
    overlaps = np.asarray([[0.6, 0.9], [0.7, 0.95], [0.5, 0.2]])
    crowd = np.zeros(2, dtype=bool)
    assert match(np.asarray([0.5, 0.9, 0.1]), overlaps, crowd, 0.5).tolist() == [0, 1, UNMATCHED]
    assert match(np.asarray([0.9, 0.5, 0.1]), overlaps, crowd, 0.5).tolist() == [1, 0, UNMATCHED]


def test_crowd_regions_take_any_number_and_come_last() -> None:
    overlaps = np.asarray([[0.9, 0.6], [0.9, 0.6], [0.3, 0.1]])
    crowd = np.asarray([True, False])
    assert match(np.asarray([0.9, 0.8, 0.7]), overlaps, crowd, 0.5).tolist() == [1, IGNORED, UNMATCHED]


def test_of_equals_those_alike_go_first() -> None:
    overlaps, crowd = np.asarray([[0.8, 0.8]]), np.zeros(2, dtype=bool)
    assert match(np.asarray([1.0]), overlaps, crowd, 0.5).tolist() == [1]
    assert match(np.asarray([1.0]), overlaps, crowd, 0.5, np.asarray([[True, False]])).tolist() == [0]
