"""Statistics estimated anew: the mean over the batches, and nothing else of the network changes."""

import copy

import pytest
import torch

from nas.datasets.augment import read_images
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from nas.detectors.layers import BatchNorm
from nas.training.order import permutation
from nas.training.statistics import estimate_statistics, image_batches
from tests.training.training_support import tiny_detector


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return open_synthetic(SyntheticSettings(images=12), 32, tmp_path_factory.mktemp("cache"))


def layers(network):
    return [module for module in network.modules() if isinstance(module, BatchNorm)]


def test_they_are_the_mean_over_the_batches():
    network = tiny_detector().train()
    images = torch.randn(4, 2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    seen = []
    for batch in images:
        one = copy.deepcopy(network)
        for layer in layers(one):
            layer.momentum = 1.0
        with torch.no_grad():
            one(batch)
        seen.append([(layer.running_mean, layer.running_var) for layer in layers(one)])
    estimate_statistics(network, images)
    for number, layer in enumerate(layers(network)):
        for name, place in (("running_mean", 0), ("running_var", 1)):
            expected = torch.stack([batch[number][place] for batch in seen]).mean(0)
            torch.testing.assert_close(getattr(layer, name), expected, rtol=1e-4, atol=1e-5)


def test_weights_momentum_and_gradients_stay():
    network = tiny_detector().train()
    weights = {name: parameter.clone() for name, parameter in network.named_parameters()}
    momenta = [layer.momentum for layer in layers(network)]
    estimate_statistics(network, [torch.ones(2, 3, 32, 32)])
    assert [layer.momentum for layer in layers(network)] == momenta
    assert all(torch.equal(parameter, weights[name]) for name, parameter in network.named_parameters())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_without_batches_nothing_changes():
    network = tiny_detector().train()
    before = copy.deepcopy(network.state_dict())
    estimate_statistics(network, [])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_images_come_in_the_order_of_the_seed(data):
    indices = range(2, 12)
    batches = list(image_batches(data, indices, 6, 3, seed=5, device="cpu"))
    chosen = [indices[place] for place in permutation(5, 0, 10)[:6]]
    assert torch.equal(torch.cat(batches), read_images(data, chosen))
    assert [len(batch) for batch in batches] == [3, 3]


@pytest.mark.parametrize(
    ("images", "batch_size", "sizes"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 4]), (3, 8, [3]), (99, 6, [6, 6]), (0, 4, [])],
)
def test_a_small_last_batch_is_left_out(data, images, batch_size, sizes):
    assert [len(batch) for batch in image_batches(data, range(12), images, batch_size, 0, "cpu")] == sizes
