"""Right and wrong detections above a score, against counting them one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.evaluation.coco import coco_evaluation
from nas.evaluation.curves import THRESHOLDS, score_curves
from search_spaces.errors import ConfigError
from tests.evaluation.random_images import Image, random_set, slow_overlap


def slow_counts(truth: list[Image], found: list[Image], label: int, threshold: float, least: float) -> tuple[int, ...]:
    """(right, wrong, objects) of a class, from only those detections that are above the threshold."""
    right = wrong = objects = 0
    for true, own in zip(truth, found):
        places = [i for i in range(len(true["labels"])) if true["labels"][i] == label]
        objects += sum(not true["crowd"][i] for i in places)
        taken: set[int] = set()
        kept = [k for k in range(len(own["labels"])) if own["labels"][k] == label and own["scores"][k] > threshold]
        for k in sorted(kept, key=lambda k: -own["scores"][k]):
            overlaps = {i: slow_overlap(own["boxes"][k], true["boxes"][i], true["crowd"][i]) for i in places}
            near = [i for i in places if overlaps[i] >= least]
            free = [i for i in near if not true["crowd"][i] and i not in taken]
            if free:
                taken.add(max(free, key=lambda i: overlaps[i]))
                right += 1
            elif not any(true["crowd"][i] for i in near):
                wrong += 1
    return right, wrong, objects


@given(seed=st.integers(0, 10_000), images=st.integers(1, 4), classes=st.integers(1, 3), most=st.integers(0, 6))
@settings(max_examples=30, deadline=None)
def test_against_a_slow_reference(seed: int, images: int, classes: int, most: int) -> None:
    truth, found = random_set(seed, images, classes, most)
    least = (0.3, 0.5, 0.75)[seed % 3]
    curves = score_curves(truth, found, classes, least)
    slow_means = []
    places = [0, 137, 400, 666, 950]
    for place in places:
        counts = [slow_counts(truth, found, label, THRESHOLDS[place], least) for label in range(1, classes + 1)]
        assert curves.right[:, place].tolist() == [one[0] for one in counts]
        assert curves.wrong[:, place].tolist() == [one[1] for one in counts]
        assert curves.objects.tolist() == [one[2] for one in counts]
        f1 = [2 * right / (right + wrong + objects) for right, wrong, objects in counts if objects]
        slow_means.append(np.mean(f1) if f1 else 0.0)
        right, wrong, objects = np.sum(counts, axis=0)
        precision, recall = curves.at(THRESHOLDS[place])
        assert precision == pytest.approx(right / (right + wrong) if right + wrong else np.nan, nan_ok=True)
        assert recall == pytest.approx(right / objects if objects else np.nan, nan_ok=True)
    assert curves.mean_f1[places] == pytest.approx(slow_means)
    assert curves.mean_f1[curves.best] == curves.mean_f1.max()
    assert curves.suggested == THRESHOLDS[curves.best]


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_recall_at_threshold_0_is_cocos(seed: int) -> None:
    truth, found = random_set(seed, 4, 2, 6)
    recall = coco_evaluation(truth, found, 2).recall[0, :, 0]
    curves = score_curves(truth, found, 2)
    own = np.where(curves.objects > 0, curves.right[:, 0] / np.maximum(curves.objects, 1), -1)
    assert own == pytest.approx(recall)


def test_a_clear_threshold_is_in_the_middle_of_the_best_ones() -> None:
    box = np.asarray([[0, 0, 10, 10]], dtype=np.float32)
    truth = [{"boxes": box, "labels": np.asarray([1]), "crowd": np.asarray([False])}]
    found = [{"boxes": np.concatenate([box, box + 50]), "labels": np.asarray([1, 1]), "scores": np.asarray([0.8, 0.2])}]
    curves = score_curves(truth, found, 2)
    assert curves.suggested == pytest.approx(0.5, abs=0.002)
    assert curves.at(0.5) == (1.0, 1.0)
    assert curves.at(0.1) == (0.5, 1.0)
    assert np.isnan(curves.f1[1]).all()


def test_nothing_to_find_and_nothing_found() -> None:
    empty = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0, dtype=int), "scores": np.zeros(0), "crowd": np.zeros(0)}
    curves = score_curves([empty], [empty], 2)
    assert not curves.mean_f1.any()
    assert np.isnan(curves.at(0.3)).all()


def test_an_overlap_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"^overlap is 0; it must be above 0 and at most 1\.$"):
        score_curves([], [], 1, 0)
