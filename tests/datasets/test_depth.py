"""Values of any range as 8 bits: by the depth they have, stretched where there is none, never all black or white."""

from typing import Any

import numpy as np
import pytest

from nas.datasets.depth import to_bytes, value_range
from tests.datasets.picture_support import GREY


@pytest.mark.parametrize(
    "values",
    [
        (GREY * 257).astype(np.uint16),
        (GREY * 257).astype(">u2"),
        (GREY * 257).astype(np.int32),
        (GREY * 64 + 63).astype(np.uint16),
        (GREY * 16 + 15).astype(np.uint16),
        (GREY * 4).astype(np.uint16),
        GREY.astype(np.uint16),
        GREY.astype(np.float32),
        (GREY / 255).astype(np.float32),
        (GREY * 257).astype(np.float64),
    ],
    ids=["16", "16 big", "16 in 32", "14", "12", "10", "8 in 16", "float 255", "float 1", "float 65535"],
)
def test_a_depth_is_known_by_its_range(values: Any) -> None:
    np.testing.assert_array_equal(to_bytes(values), GREY)


@pytest.mark.parametrize(
    "values", [GREY - 100, GREY * 2.0**20, (GREY - 100) / 1000, GREY * 2**24], ids=["negative", "large", "low", "32"]
)
def test_other_values_are_stretched(values: Any) -> None:
    result = to_bytes(values)
    assert (result.min(), result.max()) == (0, 255)
    assert (np.diff(result.ravel()[np.argsort(GREY, axis=None)].astype(int)) >= 0).all(), "the order of values stays"


def test_a_declared_limit_goes_first_where_it_holds() -> None:
    dark = (GREY // 4 * 16).astype(np.uint16)
    np.testing.assert_array_equal(to_bytes(dark, 4096.0), GREY // 4)
    assert value_range(dark) == (0.0, 1024.0), "undeclared, ten bits hold it"
    assert value_range(np.array([0, 5000], dtype=np.uint16), 4096.0) == (0.0, 2.0**14), (
        "a limit that is exceeded is none"
    )


def test_values_too_close_to_be_told_apart_are_stretched() -> None:
    result = to_bytes(np.array([[40_000, 40_300, 40_600]], dtype=np.uint16))
    assert result.tolist() == [[0, 128, 255]]
    assert to_bytes(np.array([[40_000, 42_000]], dtype=np.uint16)).tolist() == [[156, 164]]


@pytest.mark.parametrize(("value", "level"), [(0, 0), (7, 7), (4095, 255), (65535, 255), (-3, 128), (2**30, 128)])
def test_equal_values_are_neither_stretched_nor_refused(value: int, level: int) -> None:
    assert set(to_bytes(np.full((3, 4), value, dtype=np.int64)).ravel().tolist()) == {level}


def test_what_is_no_number_and_infinities() -> None:
    values = np.array([[np.nan, -np.inf, np.inf, 0.5, 1.0]], dtype=np.float32)
    assert to_bytes(values).tolist() == [[0, 0, 255, 128, 255]]
    assert to_bytes(np.full((2, 2), np.nan)).tolist() == [[0, 0], [0, 0]]
    assert to_bytes(np.full((2, 2), np.inf)).tolist() == [[255, 255], [255, 255]]


def test_many_rows_are_those_of_few() -> None:
    tall = np.tile(GREY * 257, (40, 1)).astype(np.uint16)
    np.testing.assert_array_equal(to_bytes(tall), np.tile(GREY, (40, 1)))
