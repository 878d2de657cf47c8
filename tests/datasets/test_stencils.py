"""Stencils: every shape fills its extent, and its longer side is the one asked for."""

import numpy as np
import pytest

from nas.datasets.stencils import SHAPES, cut_stencil


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("side", [4, 24, 90])
def test_a_stencil_fills_its_extent(name: str, side: int) -> None:
    for seed in range(10):
        stencil = cut_stencil(np.random.default_rng(seed), SHAPES[name], side)
        assert abs(max(stencil.size) - side) <= 1
        solid = np.asarray(stencil) >= 128
        assert 0.1 < solid.mean() <= 1
        assert (np.asarray(stencil).max(axis=0) > 0).all()
        assert (np.asarray(stencil).max(axis=1) > 0).all()


def test_a_ring_has_a_hole() -> None:
    stencil = np.asarray(cut_stencil(np.random.default_rng(0), SHAPES["ring"], 80))
    assert stencil[stencil.shape[0] // 2, stencil.shape[1] // 2] == 0


def test_a_stencil_follows_its_generator() -> None:
    one, again, other = (np.asarray(cut_stencil(np.random.default_rng(n), SHAPES["star"], 40)) for n in (0, 0, 1))
    assert np.array_equal(one, again)
    assert one.shape != other.shape or (one != other).any()
