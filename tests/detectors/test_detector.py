"""What all networks share: answers about themselves, and evaluation that leaves no trace."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from nas.detectors import (
    CONVENTIONS,
    DetectionSettings,
    Detector,
    Network,
    Scaling,
    as_detector,
    build_detector,
    in_evaluation,
)
from nas.detectors.cost import cost
from nas.detectors.inference.optimise import fold_batch_norm
from search_spaces.errors import ConfigError
from tests.detectors.support import TINY

HEADS = ("retinanet", "mask_rcnn", "classifier")


def modes(network: nn.Module) -> dict[str, bool]:
    return {name: module.training for name, module in network.named_modules()}


@pytest.fixture
def half_frozen() -> Network:
    """A detector in training, apart from two modules that were frozen by hand."""
    network = build_detector("spinenet-49", TINY, classes=3).train()
    network.backbone.stem.eval()
    network.head.class_tower.training = False  # its children stay in training
    return network


def test_evaluation_restores_the_mode_of_every_module(half_frozen: Network) -> None:
    before = modes(half_frozen)
    assert len(set(before.values())) == 2
    with in_evaluation(half_frozen):
        assert not any(modes(half_frozen).values())
        assert not torch.is_grad_enabled()
    assert modes(half_frozen) == before
    assert torch.is_grad_enabled()


def test_an_exception_restores_it_too(half_frozen: Network) -> None:
    before = modes(half_frozen)
    with pytest.raises(RuntimeError, match="on the way"), in_evaluation(half_frozen):
        raise RuntimeError("on the way")
    assert modes(half_frozen) == before
    assert torch.is_grad_enabled()


def test_a_network_in_evaluation_stays_there() -> None:
    network = build_detector("spinenet-49", TINY, classes=3).eval()
    with in_evaluation(network):
        pass
    assert not any(modes(network).values())


@torch.no_grad()
def test_detecting_changes_no_statistics(half_frozen: Network) -> None:
    before = {name: value.clone() for name, value in half_frozen.state_dict().items()}
    as_detector(half_frozen, "this test").detect(torch.randn(2, 3, 64, 64))
    torch.testing.assert_close(half_frozen.state_dict(), before, rtol=0, atol=0)


@pytest.mark.parametrize("head", HEADS)
def test_only_what_finds_objects_is_a_detector(head: str) -> None:
    network = build_detector("spinenet-49", TINY, head, classes=3)
    assert isinstance(network, Detector) == (head != "classifier")
    if isinstance(network, Detector):
        assert as_detector(network, "evaluation") is network
    else:
        with pytest.raises(ConfigError, match=r"^evaluation needs a detector; .* head 'classifier' finds no objects"):
            as_detector(network, "evaluation")


def test_a_compiled_detector_is_a_detector() -> None:
    compiled = torch.compile(build_detector("spinenet-49", TINY, classes=3), backend="eager")
    found = as_detector(compiled, "evaluation").detect(torch.randn(1, 3, 64, 64))
    assert [set(image) for image in found] == [{"boxes", "scores", "labels"}]


def test_a_fast_copy_has_no_parts_and_says_so() -> None:
    network = build_detector("spinenet-49", TINY, classes=3)
    fast = fold_batch_norm(network)
    for ask in (lambda: cost(fast, 64), lambda: list(fast.roles())):
        with pytest.raises(ConfigError, match="ask the network that it was made from"):
            ask()
    assert cost(network, 64).params_trainable == sum(x.numel() for x in network.parameters())


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", ["spinenet-49", "r50-fpn"])
def test_a_network_knows_what_it_was_built_from(name: str, head: str) -> None:
    with torch.device("meta"):
        network = build_detector(name, head=head, classes=7)
    assert network.head_name == head
    assert network.classes == 7
    assert network.architecture is network.backbone.architecture
    assert network.levels == tuple(network.architecture.outputs) == tuple(sorted(network.backbone.outputs))
    assert network.needs_masks == (head == "mask_rcnn")


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("convention", sorted(CONVENTIONS))
def test_the_resolved_numbers_are_those_of_convention_backbone_and_head(convention: str, head: str) -> None:
    with torch.device("meta"):
        network = build_detector("spinenet-49", None, head, classes=3)
        network = type(network)(network.backbone, Scaling(convention=convention).resolved(head), 3)
    found = network.resolved()
    assert found["same_convolutions"] == CONVENTIONS[convention].same_convolutions
    assert "batch_norm" not in found
    assert "name" not in found
    assert network.backbone.resolved().items() <= found.items()
    assert network.head_resolved().items() <= found.items()
    assert json.loads(json.dumps(found)).keys() == found.keys()


@torch.no_grad()
@pytest.mark.parametrize("head", HEADS)
def test_what_is_fixed_has_its_names_and_no_shape_that_depends_on_the_image(head: str) -> None:
    network = build_detector("spinenet-49", TINY, head, classes=3).eval()
    settings = DetectionSettings(candidates=50, detections=4)
    found = [
        network.fixed(network(images), (64, 64), settings)
        for images in (torch.zeros(1, 3, 64, 64), 5 * torch.randn(1, 3, 64, 64))
    ]
    assert [tuple(one) for one in found] == [network.fixed_names] * 2
    assert [x.shape for x in found[0].values()] == [x.shape for x in found[1].values()]
