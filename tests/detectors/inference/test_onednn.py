"""Kernels laid out in advance."""

import copy

import torch

from nas.detectors.inference.onednn import PrepackedConv
from nas.detectors.inference.optimise import optimise
from tests.detectors.inference.support import assert_same, trained


@torch.no_grad()
def test_two_image_sizes_in_turn_keep_their_layouts() -> None:
    fast = optimise(trained(), compile=False)
    sizes = [torch.randn(1, 3, side, side) for side in (128, 192)]
    for images in sizes:
        fast(images)
    kept = {id(module): dict(module.packed) for module in fast.modules() if isinstance(module, PrepackedConv)}
    for images in sizes:
        fast(images)
    for module in fast.modules():
        if isinstance(module, PrepackedConv):
            assert all(module.packed[size] is layout for size, layout in kept[id(module)].items())


@torch.no_grad()
def test_a_fast_copy_can_be_copied_after_use() -> None:
    fast = optimise(trained(), compile=False)
    images = torch.randn(1, 3, 128, 128)
    expected = fast(images)
    assert_same(copy.deepcopy(fast)(images), expected)
