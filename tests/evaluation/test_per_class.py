"""Class by class as pycocotools' own precision says, and size by size as its twelve numbers say."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from nas.evaluation.coco import _to_coco, coco_evaluation
from nas.evaluation.per_class import per_class, per_size
from tests.evaluation.random_images import Image, random_set


def of_one_category(truth: list[Image], found: list[Image], classes: int, label: int) -> np.ndarray:
    """The twelve numbers of pycocotools when asked for one category."""
    with contextlib.redirect_stdout(io.StringIO()):
        true, own = COCO(), COCO()
        true.dataset, own.dataset = _to_coco(truth, classes, "bbox"), _to_coco(found, classes, "bbox")
        true.createIndex()
        own.createIndex()
        evaluation = COCOeval(true, own, "bbox")
        evaluation.params.catIds = [label]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return np.asarray(evaluation.stats)


@given(seed=st.integers(0, 10_000), images=st.integers(1, 5), classes=st.integers(1, 3), most=st.integers(0, 6))
@settings(max_examples=15, deadline=None)
def test_a_class_has_the_numbers_that_pycocotools_gives_it_alone(
    seed: int, images: int, classes: int, most: int
) -> None:
    truth, found = random_set(seed, images, classes, most)
    names = [f"class {label}" for label in range(1, classes + 1)]
    result = coco_evaluation(truth, found, classes)
    rows = per_class(result, truth, names)
    assert [row.name for row in rows] == names
    for label, row in enumerate(rows, start=1):
        expected = of_one_category(truth, found, classes, label)
        assert [row.ap, row.ap50, row.ap75, row.ar] == pytest.approx(expected[[0, 1, 2, 8]], abs=1e-9)
        own = [((one["labels"] == label) & ~one["crowd"]).sum() for one in truth]
        assert (row.objects, row.images) == (sum(own), sum(count > 0 for count in own))
    for row in per_size(result, truth):
        assert row.ap == pytest.approx(result.numbers[f"ap_{row.name}"], abs=1e-9)
        assert row.ar == pytest.approx(result.numbers[f"ar_{row.name}"], abs=1e-9)
    measured = [row.ap for row in rows if row.objects]
    assert result.numbers["ap"] == pytest.approx(np.mean(measured) if measured else -1, abs=1e-9)


def test_sizes_are_areas_of_the_original() -> None:
    boxes = np.asarray([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 500, 500], [0, 0, 9, 9]], dtype=np.float32)
    truth = {"boxes": boxes, "labels": np.asarray([1, 1, 1, 1]), "areas": np.asarray([50.0, 2000, 1e5, 60])}
    truth["crowd"] = np.asarray([False, False, False, True])
    nothing = {"boxes": np.zeros((0, 4)), "labels": np.zeros(0), "scores": np.zeros(0)}
    rows = per_size(coco_evaluation([truth], [nothing], 1), [truth])
    assert [(row.name, row.objects, row.ap) for row in rows] == [("small", 1, 0), ("medium", 1, 0), ("large", 1, 0)]
