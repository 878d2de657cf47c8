"""What is said of an evaluation."""

import numpy as np
import pytest

from nas.evaluation.curves import Curves
from nas.reporting.evaluation_words import threshold_sentence


@pytest.mark.parametrize(
    ("right", "objects", "sentence"),
    [
        (
            [[2, 1]],
            [2],
            "Suggested threshold 0.1: with it the mean F1 of the classes is best, 0.800 at IoU 0.5; of all",
        ),
        ([[0, 0]], [2], "No object was found at IoU 0.5, so no threshold is better than another."),
        ([[0, 0]], [0], "There is no object to find, so no threshold is better than another."),
    ],
)
def test_the_threshold_is_suggested_where_one_is_better(right, objects, sentence):
    curves = Curves(0.5, np.asarray([0.1, 0.5]), np.asarray(right), np.asarray([[1, 1]]), np.asarray(objects))
    assert threshold_sentence(curves).startswith(sentence)
    assert "nan" not in threshold_sentence(curves)
