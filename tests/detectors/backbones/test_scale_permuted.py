"""The backbone of a scale-permuted network."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import search_spaces
from nas.detectors import PROXY, build_detector
from nas.detectors.backbones import build_backbone
from nas.detectors.detector import Backbone
from search_spaces.architecture import Architecture
from tests.detectors.support import tiny


def test_endpoints_of_the_ports_are_not_activated() -> None:
    image = torch.randn(1, 3, 128, 128)
    for convention, negative in (("tpu", False), ("model_garden", False), ("mmdet", True)):
        endpoints = build_detector("spinenet-49", tiny(convention), classes=3)(image)["endpoints"]
        assert (min(x.min() for x in endpoints.values()) < 0) == negative


SPACE = search_spaces.build("spinenet")


SMALL = dataclasses.replace(PROXY, endpoints=16, head_channels=16, head_depth=1)


seeds = st.integers(0, 2**32 - 1)


def random_architecture(seed: int) -> Architecture:
    return SPACE.sample(np.random.default_rng(seed))


def test_the_merge_edge_of_spinenet_49_is_added() -> None:
    """Node 14's input is the activated sum of its two connections and of node 11."""
    backbone = build_detector("spinenet-49", SMALL).backbone
    seen: dict[str, torch.Tensor] = {}
    for name, module in backbone.named_modules():
        if name in ("groups.11", "groups.14", "widens.7-14", "widens.12-14"):
            module.register_forward_hook(
                lambda module, inputs, output, name=name: seen.update(
                    {name: output.clone(), f"{name} in": inputs[0].clone()}
                )
            )
    backbone(torch.randn(2, 3, 128, 128))
    connections = seen["widens.7-14"] + seen["widens.12-14"]
    torch.testing.assert_close(seen["groups.14 in"], (connections + seen["groups.11"]).relu())
    assert seen["groups.11"].abs().max() > 0


def relabel(architecture: Architecture, seed: int) -> tuple[Architecture, dict[int, int]]:
    """The same blocks in another order, parents reversed; old index -> new index."""
    rng = np.random.default_rng(seed)
    stem = len(architecture.stem)
    order = list(range(stem))
    while len(order) < len(architecture.nodes):
        ready = [
            index
            for index, node in enumerate(architecture.nodes)
            if index not in order and set(node.parents) <= set(order)
        ]
        order.append(int(rng.choice(ready)))
    new = {old: at for at, old in enumerate(order)}
    blocks = [
        dataclasses.replace(
            architecture.nodes[old], parents=tuple(new[parent] for parent in reversed(architecture.nodes[old].parents))
        )
        for old in order[stem:]
    ]
    return Architecture(architecture.stem, tuple(blocks)), new


def move_weights(source: Backbone, target: Backbone, new: dict[int, int]) -> None:
    """Every tensor to the same role under its new node indices."""
    there, values, places = dict(target.roles("")), source.state_dict(), target.state_dict()
    for role, weight in source.roles(""):
        moved = dataclasses.replace(
            role,
            node=None if role.node is None else new[role.node],
            parent=None if role.parent is None else new[role.parent],
        )
        place = there[moved]
        rows = values[weight.key.lstrip(".")][weight.first : weight.last]
        places[place.key.lstrip(".")][place.first : place.last].copy_(rows)


@settings(max_examples=15, deadline=None)
@given(seed=seeds, order=seeds)
def test_relabelled_architectures_compute_the_same(seed: int, order: int) -> None:
    first = random_architecture(seed)
    second, new = relabel(first, order)
    assume(second.fingerprint == first.fingerprint)
    torch.manual_seed(0)
    networks = [build_backbone(architecture, SMALL).double() for architecture in (first, second)]
    move_weights(*networks, new)
    images = torch.randn(2, 3, 96, 96, dtype=torch.float64)
    for ours, theirs in zip(*(network(images).items() for network in networks)):
        torch.testing.assert_close(ours, theirs)
