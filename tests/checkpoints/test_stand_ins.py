"""What lies beside the weights in a PyTorch file is passed over, and nothing that the file names is run."""

from __future__ import annotations

import argparse
import collections
import datetime
import os
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.checkpoints.read import read_torch
from nas.checkpoints.stand_ins import stand_ins
from search_spaces.errors import ConfigError


class Unknown:
    """Something that is no tensor, of a class that reading must not run."""

    def __init__(self, state: object = None) -> None:
        self.state = state

    def __setstate__(self, state: object) -> None:
        raise AssertionError("the class was used")


class UnknownDict(dict):
    """A dictionary with attributes, as configurations often are."""

    def __init__(self, *args: object, **values: object) -> None:
        super().__init__(*args, **values)
        self.source = "config.py"


class UnknownList(list):
    """A list of a class of its own."""


class Harmful:
    """Runs a command where it is unpickled without care."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call


def in_either_format(content: object, path: Path) -> Iterator[Path]:
    for zipped in (True, False):
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        yield path


@pytest.mark.parametrize(
    "beside",
    [
        np.float64(0.25),
        {"best": np.float32(0.5), "epoch": np.int64(3), "flag": np.bool_(True), "text": np.str_("a")},
        np.arange(5),
        np.array(["a", None], dtype=object),
        [np.dtype("float32"), np.dtype([("x", "f4")]), np.float64, np.datetime64("2024-01-01"), complex(1, 2)],
        np.random.default_rng(0).bit_generator.state,
        [datetime.datetime(2024, 1, 1), Path("a"), range(3), slice(1, 2), frozenset({1}), {1}, Fraction(1, 3)],
        [Unknown({"history": np.zeros(3)}), Unknown, len],
        UnknownDict(a=1, b=UnknownDict(c=np.float64(2))),
        [collections.defaultdict(list, {"a": [1]}), collections.Counter("aab"), collections.deque([1, 2])],
        UnknownList([1, 2, 3]),
        argparse.Namespace(lr=0.1),
    ],
    ids=lambda beside: type(beside).__name__,
)
def test_what_lies_beside_the_weights_is_passed_over(beside: object, tmp_path: Path) -> None:
    weight = torch.arange(6.0).reshape(2, 3)
    content = {"meta": beside, "state_dict": {"a": weight}, "after": [beside, {"again": beside}]}
    for path in in_either_format(content, tmp_path / "file.pth"):
        np.testing.assert_array_equal(read_torch(path)["a"], weight.numpy())


@pytest.mark.parametrize("function", [exec, print, os.system, os.mkdir, eval, getattr, __import__])
def test_nothing_that_a_file_names_is_run(function: object, tmp_path: Path) -> None:
    content = {
        "meta": Harmful(function, f"open({str(tmp_path / 'proof')!r}, 'w')"),
        "state_dict": {"a": torch.zeros(1)},
    }
    for path in in_either_format(content, tmp_path / "file.pth"):
        with suppress(ConfigError):
            read_torch(path)
        assert [one.name for one in tmp_path.iterdir()] == ["file.pth"]


def test_names_of_python_2_are_translated_as_pytorch_does(tmp_path: Path) -> None:
    for path in in_either_format({"meta": [Harmful(getattr, "a", "upper"), Unknown()]}, tmp_path / "file.pth"):
        names = {name for _, name in stand_ins(path)}
        assert {"__builtin__.getattr", "builtins.getattr", f"{__name__}.Unknown"} <= names
