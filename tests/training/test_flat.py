"""Flat weights: the network computes, learns and is saved as without them."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.training.flat import ALIGNMENT, flat_weights
from nas.training.optimiser import OptimiserSettings, build_average, build_optimiser, set_learning_rate
from nas.training.step import Batch, make_step
from tests.training.training_support import tiny_detector


def one_batch() -> Batch:
    torch.manual_seed(1)
    return torch.randn(2, 3, 32, 32), [{"boxes": torch.tensor([[4.0, 4, 20, 20]]), "labels": torch.tensor([1])}] * 2


def learn(network: Any, weights: nn.Module, settings: OptimiserSettings) -> tuple[list[float], dict[str, Tensor]]:
    """The losses of three steps, and the gradients of the first."""
    optimiser, average, gradients = build_optimiser(weights, settings), build_average(weights, 0.5), {}
    set_learning_rate(optimiser, 0.003)
    losses = []
    for _ in range(3):
        losses.append(float(make_step(network, optimiser, one_batch(), settings.clip_norm)))
        assert average is not None
        average.update_parameters(weights)
        if not gradients:
            gradients = {name: one.grad.clone() for name, one in network.named_parameters() if one.grad is not None}
    assert average is not None
    weights.load_state_dict(average.module.state_dict())
    return losses, gradients


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_learning_is_the_same(kind: str) -> None:
    plain = tiny_detector().train()
    flat = copy.deepcopy(plain)
    settings = OptimiserSettings(kind=kind, weight_decay=0.1, clip_norm=1.0)
    losses, gradients = learn(plain, plain, settings)
    with flat_weights(flat) as weights:
        flat_losses, flat_gradients = learn(flat, weights, settings)
    assert flat_losses == pytest.approx(losses, rel=1e-3)
    assert list(flat_gradients) == list(gradients)
    for name, gradient in gradients.items():
        torch.testing.assert_close(flat_gradients[name], gradient, rtol=1e-4, atol=1e-6)
    assert list(flat.state_dict()) == list(plain.state_dict())
    tolerance = {"sgd": 1e-4, "adamw": 0.02}[kind]  # AdamW makes whole steps of gradients that are rounding errors
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(flat.state_dict()[name], value, rtol=1e-3, atol=tolerance)


def test_only_the_place_of_the_values_changes() -> None:
    network = tiny_detector().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    strides = {name: value.stride() for name, value in network.state_dict().items()}
    parameters = list(network.parameters())
    with flat_weights(network) as weights:
        flat = [weights.kernels, weights.others, weights.statistics]
        places = {one.untyped_storage().data_ptr() for one in flat}
        for name, value in network.state_dict().items():
            assert torch.equal(value, before[name])
            assert value.untyped_storage().data_ptr() in places, name
            assert value.storage_offset() % ALIGNMENT == 0
            assert value.stride() == strides[name], name
        with torch.no_grad():
            weights.others.fill_(3.0)
    assert all(one is other for one, other in zip(parameters, network.parameters(), strict=True))
    for parameter in parameters:
        assert parameter.grad is None
        assert parameter.untyped_storage().nbytes() == 4 * parameter.numel()
        assert parameter.ndim > 1 or bool((parameter == 3).all())


def test_frozen_weights_are_left_alone() -> None:
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    network[0].requires_grad_(False)
    frozen, place = network[0].weight, network[0].weight.data_ptr()
    with flat_weights(network) as weights:
        assert weights.kernels.numel() == 0
        assert weights.others.numel() == 2 * ALIGNMENT
        assert network[1].num_batches_tracked.dtype == torch.int64
    assert network[0].weight is frozen
    assert frozen.data_ptr() == place


def test_an_error_gives_the_network_its_own_weights_back() -> None:
    network = nn.Linear(2, 3)
    with pytest.raises(MemoryError), flat_weights(network):
        raise MemoryError
    assert network.weight.untyped_storage().nbytes() == 24
