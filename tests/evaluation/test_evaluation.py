"""Everything that is measured of detections in some images of a data set, and their list as COCO has it."""

import numpy as np

from nas.evaluation.evaluation import evaluate_detections
from nas.evaluation.results_list import to_results
from tests.datasets.square_support import blank_data

BOX = np.asarray([[2, 4, 10, 12]], dtype=np.float32)
FOUND = {"boxes": BOX, "scores": np.asarray([0.8], dtype=np.float32), "labels": np.asarray([1])}
NOTHING = {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "labels": np.zeros(0, dtype=int)}


def test_what_is_measured_of_two_images_one_of_them_right() -> None:
    evaluation = evaluate_detections([FOUND, NOTHING], blank_data(3), [2, 0])
    assert (evaluation.images, evaluation.objects, evaluation.class_names) == (2, 2, ("a", "ünï"))
    assert set(evaluation.results) == {"bbox"}
    assert [group.objects for group in evaluation.classes["bbox"]] == [2, 0]
    assert evaluation.sizes["bbox"][0].objects == 2
    assert 0 <= evaluation.curves.suggested < 0.8
    assert evaluation.confusion.threshold == evaluation.curves.suggested
    assert evaluation.confusion.counts.tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert evaluate_detections([FOUND], blank_data(1), [0], 0.5, 0.9).confusion.counts[1].tolist() == [1, 0, 0]


def test_masks_are_measured_where_they_are_found() -> None:
    data = blank_data(1, masks=True)
    masks = data.original_objects(0).masks
    assert masks is not None
    found = FOUND | {"masks": masks.encoded()}
    evaluation = evaluate_detections([found], data, [0])
    assert evaluation.results["segm"].numbers["ap"] == 1
    assert [group.ap for group in evaluation.classes["segm"]] == [1, -1]
    (row,) = to_results([found], data, [0])
    assert row["segmentation"] == {"size": [16, 8], "counts": masks.encoded()[0]["counts"].decode()}


def test_results_have_boxes_by_their_sides() -> None:
    rows = list(to_results([NOTHING, FOUND], blank_data(3), [0, 2]))
    assert rows == [{"image_id": 2, "category_id": 1, "bbox": [2, 4, 8, 8], "score": float(np.float32(0.8))}]
