"""Scaling: widths, published rows, and sentences for settings out of range."""

from __future__ import annotations

import dataclasses

import pytest

from nas.detectors import build_detector
from nas.detectors.published import PUBLISHED
from nas.detectors.scaling import PROXY, Scaling
from search_spaces.errors import ConfigError


@pytest.mark.parametrize(
    ("width", "expected"), [(0.65, (20, 41, 83, 166)), (1.3, (41, 83, 166, 332)), (0.25, (8, 16, 32, 64))]
)
def test_widths_are_rounded_down(width: float, expected: tuple[int, ...]) -> None:
    scaling = Scaling(width=width)
    assert tuple(scaling.block_width(level) for level in (1, 2, 3, 4)) == expected
    assert scaling.block_width(7) == expected[-1]
    assert scaling.block_channels(2, "bottleneck") == 4 * scaling.block_channels(2, "residual")


def test_narrowing_goes_by_the_width_of_the_block() -> None:
    assert Scaling(width=0.65).narrowed_width(2) == 20
    assert PROXY.narrowed_width(1) == 2


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


def test_a_width_without_channels_is_named() -> None:
    with pytest.raises(ConfigError, match=r"width 0.05 and alpha 0.1 .* level 2"):
        build_detector("spinenet-49", Scaling(width=0.05, alpha=0.1))
