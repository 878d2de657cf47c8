"""Scaling: widths, published rows, and sentences for settings out of range."""

from __future__ import annotations

import dataclasses

import pytest

from nas.detectors.published import PUBLISHED
from nas.detectors.scaling import PROXY, Scaling
from search_spaces.errors import ConfigError


@pytest.mark.parametrize(
    "setting",
    [
        {"width": 0.0},
        {"width": float("nan")},
        {"alpha": -1.0},
        {"repeats": 0},
        {"repeats": True},
        {"endpoints": 2.5},
        {"head_depth": -1},
        {"activation": "gelu"},
        {"stochastic_depth": 1.0},
        {"anchor_size": 0},
        {"bn_momentum": 0.0},
        {"bn_epsilon": "small"},
        {"convention": "caffe"},
        {"separable": 1},
    ],
)
def test_a_setting_out_of_range_is_named(setting: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        Scaling(**setting)  # type: ignore[arg-type]


def test_scaling_is_a_value() -> None:
    assert dataclasses.replace(PROXY, width=0.5) != PROXY
    assert hash(Scaling()) == hash(PUBLISHED["spinenet-49"].scaling)
