"""Maps on a canvas: nothing lost, nothing overlaps, borders see zeros."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.detectors.heads.canvases import from_canvas, plan_layouts, to_canvas
from nas.detectors.sizes import feature_size

image_sizes = st.tuples(st.integers(1, 400), st.integers(1, 400))


def maps_of(image_size: tuple[int, int], channels: int = 2) -> list[torch.Tensor]:
    sizes = [feature_size(image_size, level) for level in range(3, 8)]
    return [
        torch.randn(2, channels, *size).contiguous(memory_format=torch.channels_last).requires_grad_() for size in sizes
    ]


@settings(max_examples=30, deadline=None)
@given(image_sizes)
def test_levels_lie_apart(image_size: tuple[int, int]) -> None:
    maps = maps_of(image_size)
    for layout in plan_layouts(tuple(x.shape[2:] for x in maps)):
        taken = torch.zeros(1, 1, layout.canvas[0] + 2, layout.canvas[1] + 2)
        for (row, column), (height, width) in zip(layout.origins, layout.sizes):
            assert taken[:, :, row : row + height + 2, column : column + width + 2].sum() == 0
            taken[:, :, row + 1 : row + height + 1, column + 1 : column + width + 1] = 1
        assert taken[:, :, 1:-1, 1:-1].shape[2:] == layout.canvas


@settings(max_examples=15, deadline=None)
@given(image_sizes)
def test_a_convolution_of_the_canvas_is_one_of_each_map(image_size: tuple[int, int]) -> None:
    maps = maps_of(image_size)
    weight = torch.randn(3, 2, 3, 3)
    layouts = plan_layouts(tuple(x.shape[2:] for x in maps))
    rest = iter(maps)
    found = [
        y
        for layout in layouts
        for y in from_canvas(F.conv2d(to_canvas([next(rest) for _ in layout.sizes], layout), weight, padding=1), layout)
    ]
    expected = [F.conv2d(x, weight, padding=1) for x in maps]
    for at, (y, z) in enumerate(zip(found, expected, strict=True)):
        torch.testing.assert_close(y, z, atol=1e-5, rtol=1e-4)
        gradients = [torch.autograd.grad(out.square().sum(), maps[at], retain_graph=True)[0] for out in (y, z)]
        torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_one_level_needs_no_canvas() -> None:
    (layout,) = plan_layouts(((4, 4),))
    x = torch.randn(1, 2, 4, 4)
    assert to_canvas([x], layout) is x
    assert from_canvas(x, layout) == (x,)
