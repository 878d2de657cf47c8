"""The fused operators compute what the plain ones do: outputs, gradients, running statistics."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import search_spaces
from nas.detectors import build_detector
from nas.detectors.backbones.stems import Stem
from nas.detectors.fused import can_fuse, can_fuse_maps, fused_operators
from nas.detectors.fused.building import load_operators
from nas.detectors.layers import ConvNorm, add_maps, add_shortcut
from nas.detectors.scaling import Scaling
from tests.detectors.support import tiny

SCALING = tiny("tpu")


@pytest.fixture(autouse=True)
def operators() -> None:
    if load_operators() is None:
        pytest.skip("there is no C++ compiler that works, so there are no fused operators to compare")


def outcome(layer: nn.Module, run: Callable[..., Tensor], inputs: list[Tensor]) -> Iterator[Tensor]:
    """The output, the gradients by the inputs and by the weights, and the running statistics."""
    leaves = [x.clone(memory_format=torch.channels_last).requires_grad_() for x in inputs]
    y = run(layer, *(x * 1 for x in leaves))  # a layer may write to what it is given
    yield y
    torch.manual_seed(1)
    (y * torch.randn(y.shape)).sum().backward()  # type: ignore[no-untyped-call]
    for x in (*leaves, *layer.parameters()):
        assert x.grad is not None
        yield x.grad
    yield from layer.buffers()


def errors(layer: nn.Module, run: Callable[..., Tensor], *shapes: tuple[int, ...]) -> tuple[list[float], list[float]]:
    """Of the fused and of the plain operators: how far each tensor is from that of float64, as a share of its norm."""
    torch.manual_seed(0)
    for parameter in layer.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, 0.5, 0.2)
    layer.to(memory_format=torch.channels_last).train()
    inputs = [torch.randn(shape) for shape in shapes]
    fused, exact = copy.deepcopy(layer), copy.deepcopy(layer).double()
    expected = list(outcome(exact, run, [x.double() for x in inputs]))
    plain = list(outcome(layer, run, inputs))
    with fused_operators(fused):
        found = list(outcome(fused, run, inputs))
    assert "CppNode" in graph_names(found[0].grad_fn)
    assert len(found) == len(plain) == len(expected)
    return [distance(*pair) for pair in zip(found, expected)], [distance(*pair) for pair in zip(plain, expected)]


def distance(x: Tensor, true: Tensor) -> float:
    return float((x - true).detach().norm()) / max(1.0, float(true.detach().norm()))


def check(layer: nn.Module, run: Callable[..., Tensor], *shapes: tuple[int, ...]) -> None:
    """Each tensor is as near to the one in float64 as with the plain operators."""
    for fused, plain in zip(*errors(layer, run, *shapes)):
        assert fused <= 4 * plain + 2e-6


def graph_names(node: Any) -> str:
    """The names of all nodes that a gradient passes."""
    seen, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [one for one, _ in node.next_functions]
    return " ".join(one.name() for one in seen)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "groups", "shape"),
    [
        ((5, 12), 1, 1, 1, (2, 5, 6, 6)),
        ((5, 40), 1, 1, 1, (2, 5, 9, 8)),
        ((40, 5), 1, 2, 1, (2, 40, 9, 8)),
        ((16, 33), 3, 1, 1, (2, 16, 5, 6)),
        ((16, 16), 3, 2, 2, (2, 16, 7, 8)),
        ((64, 64), 3, 1, 1, (2, 64, 20, 20)),
        ((64, 64), 3, 2, 1, (2, 64, 32, 32)),
        ((12, 12), 3, 2, 12, (2, 12, 8, 8)),
        ((8, 9), 3, 1, 1, (4, 8, 1, 1)),
    ],
)
def test_convolution_and_normalisation(
    channels: tuple[int, int], kernel: int, stride: int, groups: int, shape: Any, activation: str | None
) -> None:
    layer = ConvNorm(*channels, kernel, 3, SCALING, stride, groups, activation)
    check(layer, lambda layer, x: layer(x), shape)


@pytest.mark.parametrize("shape", [(2, 4, 3, 3), (16, 4, 1, 1)])
def test_positions_that_count_several_times(shape: Any) -> None:
    check(ConvNorm(4, 8, 1, 3, SCALING), lambda layer, x: layer(x, 4), shape)


def test_a_single_position() -> None:
    plain = ConvNorm(4, 8, 1, 3, SCALING)
    layer, x = copy.deepcopy(plain), torch.randn(1, 4, 1, 1)
    with fused_operators(layer):
        torch.testing.assert_close(layer(x), plain(x))
    for one, other in zip(layer.buffers(), plain.buffers()):
        torch.testing.assert_close(one, other)


def test_an_addition_before_the_activation() -> None:
    layer = ConvNorm(4, 20, 1, 3, SCALING)
    check(layer, lambda layer, x, y: add_shortcut(layer, x, y, "relu"), (2, 4, 5, 5), (2, 20, 5, 5))


@pytest.mark.parametrize("size", [16, 18])
def test_the_stem_with_its_pooling(size: int) -> None:
    check(Stem(16, SCALING), lambda layer, x: layer(x), (2, 3, size, size))


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("sizes", [[(2, 2), (8, 4), (1, 4)], [(2, 2), (2, 2)], [(8, 4)]])
def test_a_sum_of_maps_of_several_sizes(sizes: list[tuple[int, int]], activation: str | None) -> None:
    check(nn.Module(), lambda _, *maps: add_maps(maps, (8, 4), activation), *((2, 5, *size) for size in sizes))


def whole(network: Any, images: Tensor) -> Tensor:
    raw = network(images)
    maps = [x for kind in ("class", "box") for x in raw[kind].values()]
    return torch.cat([x.flatten() for x in maps])


@pytest.mark.parametrize("name", ["spinenet-49", "r50-fpn", 0, 1, 2])
def test_a_detector(name: str | int) -> None:
    space, seed = search_spaces.build("spinenet"), name
    architecture = search_spaces.load(seed) if isinstance(seed, str) else space.sample(np.random.default_rng(seed))
    torch.manual_seed(0)
    fused, plain = errors(build_detector(architecture, SCALING, classes=3), whole, (2, 3, 128, 128))
    assert fused[0] < 1e-3
    assert np.median(fused) <= 4 * np.median(plain) + 1e-6  # single ones are a matter of luck where maps are tiny


@pytest.mark.parametrize("changes", [{"activation": "swish"}, {"stochastic_depth": 0.5}, {"separable": True}])
def test_what_the_operators_cannot_do_is_done_without_them(changes: dict[str, Any]) -> None:
    scaling = tiny("tpu", **changes)
    network = build_detector(search_spaces.load("spinenet-49"), scaling, classes=3).train()
    images = torch.randn(2, 3, 64, 64)
    torch.manual_seed(2)
    expected = whole(copy.deepcopy(network), images)
    torch.manual_seed(2)
    with fused_operators(network):
        torch.testing.assert_close(whole(network, images), expected, rtol=1e-2, atol=1e-3)


def test_evaluation_and_other_numbers_are_left_alone() -> None:
    layer = ConvNorm(4, 8, 1, 3, SCALING)
    with fused_operators(layer):
        assert not can_fuse(layer.eval(), "relu")
        assert not can_fuse_maps([torch.zeros(1, 2, 3, 3)], (4, 4), "relu")
    with fused_operators(layer.double()):
        assert not can_fuse(layer.train(), "relu")
    assert not can_fuse(layer.float(), "relu")


def test_what_is_no_number_stays() -> None:
    layer = ConvNorm(4, 8, 1, 3, Scaling().resolved("retinanet"), activation="relu")
    x = torch.randn(2, 4, 3, 3)
    x[0, 0, 0, 0] = float("nan")
    with fused_operators(layer):
        assert layer(x).isnan().all()
