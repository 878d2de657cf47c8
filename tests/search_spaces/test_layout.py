"""Where blocks and connections lie in the picture."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import search_spaces
from search_spaces import BlockSpec
from search_spaces.layout import lay_out, middle_part, place_blocks
from tests.search_spaces.architecture_support import outputs, small


def curve_points(curve):
    t = np.linspace(0, 1, 101)[:, None]
    a, b, c, d = np.array(curve)
    return (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["spinenet", "toy"]), st.integers(0, 2**32 - 1))
def test_connections_join_their_blocks_and_pass_beside_the_others(space, seed):
    architecture = search_spaces.build(space).sample(np.random.default_rng(seed))
    layout = lay_out(architecture)
    edges = {(parent, index) for index, node in enumerate(architecture.nodes) for parent in node.parents}
    assert {(line.source, line.target) for line in layout.connections if not line.merge} == edges
    assert {(line.source, line.target) for line in layout.connections if line.merge} == set(architecture.merge_edges)
    for line in layout.connections:
        source, target = layout.boxes[line.source], layout.boxes[line.target]
        assert line.curve[0] == pytest.approx((source.x + source.half_width, source.y))
        assert line.curve[3][0] == pytest.approx(target.x - target.half_width, abs=0.05)
        assert abs(line.curve[3][1] - target.y) < target.half_height
        points = curve_points(line.curve)
        for index, box in enumerate(layout.boxes):
            if index not in (line.source, line.target):
                inside = (np.abs(points - (box.x, box.y)) < (box.half_width, box.half_height)).all(axis=1)
                assert inside.mean() < 0.1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_blocks_stand_in_order_on_their_levels(seed):
    architecture = search_spaces.build("spinenet").sample(np.random.default_rng(seed))
    boxes = lay_out(architecture).boxes
    assert [box.y for box in boxes] == [node.level for node in architecture.nodes]
    for left, right in pairwise(boxes):
        assert left.x + left.half_width < right.x - right.half_width


def test_the_middle_of_a_curve_lies_on_it():
    curve = ((0.0, 0.0), (1.0, 2.0), (2.0, -1.0), (4.0, 1.0))
    piece = middle_part(curve, 0.2, 0.7)
    assert piece[0] == pytest.approx(tuple(curve_points(curve)[20]))
    assert piece[3] == pytest.approx(tuple(curve_points(curve)[70]))
    assert tuple(curve_points(piece)[50]) == pytest.approx(tuple(curve_points(curve)[45]))


def test_finer_levels_diamonds_and_outputs_have_larger_boxes():
    architecture = small(
        BlockSpec(6, parents=(0, 1)),
        BlockSpec(4, parents=(0, 1)),
        BlockSpec(4, "residual", (2, 3)),
        *outputs((4,), (4,)),
    )
    boxes = place_blocks(architecture)
    coarse, fine, diamond, output = (boxes[at].half_width for at in (2, 3, 4, 6))
    assert coarse < fine < diamond < output
