"""Train and val by seed: the share, the classes in both, groups together, and nothing that depends on an order."""

from collections import Counter

import numpy as np
import pytest

from nas.datasets.dividing import divide, groups_of
from search_spaces.errors import ConfigError, DataError

NAMES = [f"video{n // 5:02d}_{n % 5}.jpg" for n in range(200)]
CLASSES = [[0] * (n % 4) + [1] * (n % 7 == 0) + [2] * (n % 25 == 0) for n in range(200)]


def test_the_share_and_the_classes() -> None:
    in_val = divide(NAMES, CLASSES, 0.2, 0)
    assert 36 <= sum(in_val) <= 44
    pictures = Counter(one for shown in CLASSES for one in set(shown))
    of_val = Counter(one for shown, val in zip(CLASSES, in_val) if val for one in set(shown))
    for one, count in pictures.items():
        assert abs(of_val[one] / count - 0.2) <= 0.1, f"class {one}"
    assert of_val[2] in (1, 2), "the rarest class, of 8 pictures, is in both"


def test_it_depends_on_the_seed_and_not_on_the_order() -> None:
    first = divide(NAMES, CLASSES, 0.2, 0)
    assert divide(NAMES, CLASSES, 0.2, 0) == first
    assert divide(NAMES, CLASSES, 0.2, 1) != first
    order = np.random.default_rng(5).permutation(200).tolist()
    again = divide([NAMES[at] for at in order], [CLASSES[at] for at in order], 0.2, 0)
    assert again == tuple(first[at] for at in order)


def test_groups_stay_together() -> None:
    groups = groups_of(NAMES, r"(video\d+)_")
    in_val = divide(NAMES, CLASSES, 0.2, 0, groups)
    assert 30 <= sum(in_val) <= 50
    sides: dict[str, set[bool]] = {}
    for group, val in zip(groups, in_val):
        sides.setdefault(group, set()).add(val)
    assert all(len(side) == 1 for side in sides.values())


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_neither_is_empty(share: float) -> None:
    assert set(divide(["a", "b"], [[0], [0]], share, 0)) == {True, False}


def test_a_name_without_a_group_is_its_own() -> None:
    assert groups_of(["a_1", "a_2", "b"], r"(\w)_|c") == ("group a", "group a", "picture b")


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("(", "is no regular expression"),
        ("video", r"must have a group in brackets"),
        ("(film)", r"fits none of 200 file names, for example 'video00_0\.jpg'"),
    ],
)
def test_wrong_patterns(pattern: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        groups_of(NAMES, pattern)


def test_one_group_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="all 2 pictures are of one group"):
        divide(["a", "b"], [[], []], 0.5, 0, ["x", "x"])
