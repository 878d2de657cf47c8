"""Classes of a detector and of a data set: matched by name, or one sentence that lists what differs."""

import numpy as np
import pytest

from nas.evaluation.classes import same_names, unnamed
from search_spaces.errors import ConfigError

BOTH = ("weights w", "data set d")


def test_the_same_names_need_no_remark() -> None:
    found = same_names(["a", "b"], ("a", "b"), *BOTH)
    assert (found.labels.tolist(), found.remark) == ([0, 1, 2], "")
    assert same_names(["a", "a"], ("a", "a"), *BOTH).labels.tolist() == [0, 1, 2]


def test_another_order_is_matched_by_name_and_said() -> None:
    found = same_names(["a", "b", "c"], ["c", "a", "b"], *BOTH)
    assert found.labels.tolist() == [0, 2, 3, 1]
    assert found.remark == "weights w and data set d have the same classes in another order; they were matched by name"
    one = {"boxes": np.zeros((2, 4)), "scores": np.asarray([0.5, 0.4]), "labels": np.asarray([3, 1]), "masks": [7, 8]}
    (again,) = found.relabel([one])
    assert again["labels"].tolist() == [1, 2]
    assert again["masks"] == [7, 8]


@pytest.mark.parametrize(
    ("own", "others", "sentence"),
    [
        (["a", "b"], ["a"], "2 and 1 of them; only the weights have 'b'."),
        (["cat", "dog"], ["cat", "bird"], "only the weights have 'dog'; only the data set has 'bird'."),
        (
            ["Person", "traffic-light"],
            ["person", "traffic light"],
            "spelt differently are 'Person' and 'person', 'traf",
        ),
        (["a"] * 2, ["a"], "2 and 1 of them; only the weights have 'a'."),
        (["x\n"], ["y"], r"only the weights have 'x\\n'; only the data set has 'y'."),
        (list("abcdefgh"), list("abQ"), "only the weights have 'c', 'd', 'e', 'f', 'g' and 1 other; only the data set"),
        (["a", "a", "b"], ["a", "b", "a"], "in another order, and more than one is called 'a', so that nothing tells"),
    ],
)
def test_what_differs_is_listed(own: list[str], others: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        same_names(own, others, *BOTH)
    assert str(caught.value).startswith("weights w and data set d have ")
    assert sentence.replace("\\\\", "\\") in str(caught.value)


def test_without_names_the_order_or_the_ids_tell() -> None:
    in_order = unnamed(2, [3, 7], *BOTH)
    assert in_order.labels.tolist() == [0, 1, 2]
    assert "weights w: the file does not name its classes (2), which are taken to be those of" in in_order.remark
    by_id = unnamed(9, [3, 7], *BOTH)
    assert by_id.labels.tolist() == [0, 0, 0, 1, 0, 0, 0, 2, 0, 0]
    assert by_id.remark.endswith("which are taken to be numbered by the category ids of data set d")
    one = {"boxes": np.arange(8).reshape(2, 4), "labels": np.asarray([4, 7]), "masks": ["x", "y"]}
    (kept,) = by_id.relabel([one])
    assert (kept["labels"].tolist(), kept["boxes"].tolist(), kept["masks"]) == ([2], [[4, 5, 6, 7]], ["y"])


@pytest.mark.parametrize(("count", "ids"), [(3, [1, 2, 3, 4]), (6, [3, 7]), (3, [0, 1])])
def test_numbers_of_classes_that_allow_neither(count: int, ids: list[int]) -> None:
    with pytest.raises(
        ConfigError, match=r"^weights w: the file does not name its classes .* they must be as many, or"
    ):
        unnamed(count, ids, *BOTH)
