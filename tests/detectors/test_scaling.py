"""Scaling: widths, published rows, and sentences for settings out of range."""

from __future__ import annotations

import dataclasses

import pytest

from nas.detectors.published import PUBLISHED
from nas.detectors.scaling import PROXY, Scaling
from search_spaces.errors import ConfigError
from search_spaces.settings import as_yaml, build_settings


@pytest.mark.parametrize(
    ("setting", "value", "right"),
    [
        ("width", 0.0, "above 0 and at most 10000"),
        ("width", 1e300, "above 0 and at most 10000"),
        ("width", float("nan"), "a finite number"),
        ("width", "big", "a finite number"),
        ("width", None, "a finite number"),
        ("alpha", -1.0, "above 0 and at most 10000"),
        ("repeats", 0, "at least 1 and at most 10000"),
        ("repeats", True, "an integer"),
        ("endpoints", 2.5, "an integer"),
        ("head_depth", -1, "at least 0 and at most 10000"),
        ("head_depth", None, "an integer"),
        ("mask_depth", 10_001, "at least 0 and at most 10000"),
        ("activation", "silent", "one of: relu, swish"),
        ("stochastic_depth", 1.0, "at least 0 and below 1"),
        ("anchor_size", 0, "above 0 and at most 10000"),
        ("bn_momentum", 0.0, "above 0 and at most 1"),
        ("bn_epsilon", "small", "a finite number"),
        ("convention", "caffe", "one of: "),
        ("separable", 1, "true or false"),
    ],
)
def test_a_setting_of_the_wrong_type_or_out_of_range_is_named(setting: str, value: object, right: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Scaling(**{setting: value})  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{setting} is {as_yaml(value)}; it must be {right}")


def test_what_the_convention_or_another_setting_decides_may_be_null() -> None:
    assert Scaling(mask_depth=None, bn_epsilon=None, bn_momentum=None) == Scaling()
    assert Scaling(width=10_000, head_depth=0, mask_depth=0, bn_momentum=1).width == 10_000


def test_in_a_configuration_the_path_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^proxy\.scaling\.width is 0; it must be above 0 and at most 10000\.$"):
        build_settings(Scaling, {"width": 0}, "proxy.scaling", PROXY)


def test_scaling_is_a_value() -> None:
    assert dataclasses.replace(PROXY, width=0.5) != PROXY
    assert hash(Scaling()) == hash(PUBLISHED["spinenet-49"].scaling)
