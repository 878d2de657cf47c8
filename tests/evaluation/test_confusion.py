"""The confusion matrix, against the rule applied pair by pair."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.evaluation.confusion import confusion
from search_spaces.errors import ConfigError
from tests.evaluation.random_images import Image, random_set, slow_overlap


def slow_matrix(truth: list[Image], found: list[Image], classes: int, threshold: float, least: float) -> np.ndarray:
    counts = np.zeros((classes + 1, classes + 1), dtype=int)
    for true, own in zip(truth, found):
        free = {i for i in range(len(true["labels"])) if not true["crowd"][i]}
        crowds = set(range(len(true["labels"]))) - free
        for k in sorted(range(len(own["labels"])), key=lambda k: -own["scores"][k]):
            if own["scores"][k] <= threshold:
                continue
            rank = {}
            for i in free:
                overlap = slow_overlap(own["boxes"][k], true["boxes"][i])
                if overlap >= least:
                    rank[i] = (overlap, true["labels"][i] == own["labels"][k], i)
            if rank:
                best = max(rank, key=lambda i: rank[i])
                free.remove(best)
                counts[true["labels"][best], own["labels"][k]] += 1
            elif not any(slow_overlap(own["boxes"][k], true["boxes"][i], True) >= least for i in crowds):
                counts[0, own["labels"][k]] += 1
        for i in free:
            counts[true["labels"][i], 0] += 1
    return counts


@given(seed=st.integers(0, 10_000), images=st.integers(1, 4), classes=st.integers(1, 3), most=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_against_a_slow_reference(seed: int, images: int, classes: int, most: int) -> None:
    truth, found = random_set(seed, images, classes, most)
    for one in truth:  # some objects lie exactly on others
        if len(one["boxes"]) > 2:
            one["boxes"][1] = one["boxes"][0]
    threshold, least = (0.0, 0.3, 0.7)[seed % 3], (0.5, 0.1)[seed % 2]
    matrix = confusion(truth, found, classes, threshold, least)
    np.testing.assert_array_equal(matrix.counts, slow_matrix(truth, found, classes, threshold, least))
    objects = np.concatenate([one["labels"][~one["crowd"]] for one in truth])
    assert matrix.counts[1:].sum(axis=1).tolist() == [(objects == label).sum() for label in range(1, classes + 1)]


def test_what_is_taken_for_what() -> None:
    boxes = np.asarray([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], dtype=np.float32)
    truth = [{"boxes": boxes, "labels": np.asarray([1, 2, 2]), "crowd": np.zeros(3, dtype=bool)}]
    found = [
        {"boxes": boxes[[0, 1, 0]], "labels": np.asarray([1, 1, 2]), "scores": np.asarray([0.9, 0.8, 0.7])},
    ]
    matrix = confusion(truth, found, 2, 0.5)
    assert matrix.counts.tolist() == [[0, 0, 1], [0, 1, 0], [1, 1, 0]]
    assert list(matrix.mistakes()) == [(2, 1, 1)]
    assert matrix.rule.startswith("Detections with a score above 0.5, ")
    assert confusion(truth, found, 2, 0.75).counts.tolist() == [[0, 0, 0], [0, 1, 0], [1, 1, 0]]


def test_no_detection_at_all() -> None:
    nothing = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, dtype=int), "scores": np.zeros(0)}
    truth = {"boxes": np.ones((1, 4)), "labels": np.asarray([2]), "crowd": np.zeros(1, dtype=bool)}
    assert confusion([truth], [nothing], 2, 0.5).counts.tolist() == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]


@pytest.mark.parametrize(("threshold", "overlap", "name"), [(1.5, 0.5, "threshold is 1.5"), (0.5, 0, "overlap is 0")])
def test_settings_out_of_range(threshold: float, overlap: float, name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        confusion([], [], 1, threshold, overlap)
