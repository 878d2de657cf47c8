"""The order of Keras' layers: by hand on a small graph, and against checkpoints that Keras numbered."""

from __future__ import annotations

import re

import pytest

import search_spaces
from nas.checkpoints.keras_order import (
    Layer,
    mobile_order,
    pyramid_order,
    resnet_order,
    sort_layers,
    spinenet_order,
)
from nas.checkpoints.model_garden import SUFFIX
from nas.detectors.parts import Role
from search_spaces.architecture import Architecture
from search_spaces.block import BlockSpec
from tests.checkpoints.parity_fixtures import load

STEM = (BlockSpec(2), BlockSpec(2, parents=(0,)))


def test_sorting_goes_by_the_longest_path_then_by_the_walk_from_the_outputs() -> None:
    #      source -> short ---------+
    #        +----> long0 -> long1 -+-> sum      and source -> side, a second output
    source = Layer((), Role("source"))
    short = Layer((source,), Role("short"))
    long0 = Layer((source,), Role("long0"))
    long1 = Layer((long0,), Role("long1"))
    total = Layer((short, long1), Role("sum"))
    side = Layer((source,), Role("side"))
    order = [str(layer.role) for layer in sort_layers([total, side])]
    # depths: source 3, long0 2, short 1, long1 1, sum 0, side 0; met: sum, short, source, long1, long0, side
    assert order == ["source", "long0", "short", "long1", "sum", "side"]


def test_layers_that_no_output_needs_are_not_numbered() -> None:
    source = Layer((), Role("source"))
    Layer((source,), Role("unused"))
    assert [str(layer.role) for layer in sort_layers([Layer((source,), Role("used"))])] == ["source", "used"]


def test_one_block_by_hand() -> None:
    # Both connections go down a level, so layers of the same kind have the same depth, the first parent's first.
    architecture = Architecture(STEM, (BlockSpec(3, parents=(0, 1), is_output=True),), 3, 3)
    both = [
        f"connection{parent}-2.{part}" for part in ("narrow", "narrow.norm", "down", "down.norm") for parent in "01"
    ]
    widen = [f"connection{parent}-2.{part}" for part in ("widen", "widen.norm") for parent in "01"]
    assert names(spinenet_order(architecture, 1)) == [
        *("stem", "stem.norm", "node0.block0", "node1.block0"),
        *both,
        *widen,
        *("node2.block0", "endpoint3", "endpoint3.norm"),
    ]


def test_a_longer_connection_comes_first() -> None:
    # Level 2 to 4 is longer than level 2 to 2 by a convolution, its norm and activation, and a pooling.
    blocks = (BlockSpec(4, parents=(0, 1)), BlockSpec(3, parents=(1, 2), is_output=True))
    order = names(spinenet_order(Architecture(STEM, blocks, 3, 3), 1))
    at = {role: number for number, role in enumerate(order)}
    assert at["connection1-2.narrow"] < at["node2.block0"] < at["connection2-3.narrow"]
    # Up-sampling counts as five layers, so the coarser parent's connection to node 3 is longer than the finer one's.
    assert at["connection2-3.narrow"] < at["connection1-3.narrow"]


def test_repeated_blocks_follow_each_other() -> None:
    architecture = search_spaces.load("spinenet-49")
    order = names(spinenet_order(architecture, 3))
    assert order[2:8] == [f"node{node}.block{repeat}" for node in (0, 1) for repeat in range(3)]
    assert len(order) == len(set(order))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "r50-fpn",
            "lateral5 lateral4 smooth5 lateral3 coarser6 smooth3 smooth4 coarser7 norm3 norm4 norm5 norm6 norm7",
        ),
        (
            "r50-fpn-2-6",
            "lateral5 lateral4 lateral3 lateral2 smooth5 smooth2 smooth3 smooth4 coarser6 "
            "norm2 norm3 norm4 norm5 norm6",
        ),
    ],
)
def test_feature_pyramid_as_keras_numbers_it(name: str, expected: str) -> None:
    roles = [
        name.removeprefix("pyramid.").removesuffix(".norm") for name in names(pyramid_order(search_spaces.load(name)))
    ]
    assert roles == expected.split()


@pytest.mark.parametrize("name", ["retinanet", "random", "mobile", "maskrcnn", "r50"])
def test_kinds_of_layers_in_real_checkpoints(name: str) -> None:
    """Number N of a checkpoint is a block, a convolution or a norm exactly where the order says so."""
    fixture = load(name)
    architecture, repeats = fixture.architecture, fixture.settings["repeats"]
    orders = {
        "spinenet": lambda: spinenet_order(architecture, repeats),
        "mobile": lambda: mobile_order(architecture, repeats),
        "resnet-fpn": lambda: resnet_order(architecture, repeats),
    }
    found: dict[int, set[str]] = {}
    for key in fixture.weights:
        if match := re.match(r"(?:model/_)?backbone/layer_with_weights-(\d+)/(.+)", key.removesuffix(SUFFIX)):
            found.setdefault(int(match[1]), set()).add(match[2])
    order = names(orders[architecture.family]())
    assert sorted(found) == list(range(len(order)))
    for number, role in enumerate(order):
        assert kind_of(found[number]) == ("norm" if role.endswith(".norm") else "block" if "block" in role else "conv")


def kind_of(parts: set[str]) -> str:
    if "gamma" in parts:
        return "norm"
    return "conv" if parts & {"kernel", "depthwise_kernel"} else "block"


def names(roles: list[Role]) -> list[str]:
    return [str(role) for role in roles]
