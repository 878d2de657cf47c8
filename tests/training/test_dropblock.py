"""DropBlock drops whole squares, as many as asked for, in training alone."""

import pytest
import torch
from torch.nn import functional

from nas.training.dropblock import DropBlockSettings, drop_squares, dropping
from search_spaces.errors import ConfigError
from tests.training.training_support import tiny_detector


def test_whole_squares_are_dropped_and_the_rest_makes_up():
    torch.manual_seed(0)
    y = drop_squares(torch.ones(64, 2, 20, 24), 0.1, 5)
    zero = y == 0
    assert 0.07 < zero.float().mean() < 0.11
    assert y.mean().item() == pytest.approx(1, abs=1e-5)
    assert zero[:, 0].equal(zero[:, 1])
    whole = (functional.avg_pool2d(zero[:, :1].float(), 5, 1) > 0.99).float()  # places of the squares that are zero
    covered = functional.max_pool2d(functional.pad(whole, [2] * 4), 5, 1, 2)
    assert covered.bool().equal(zero[:, :1])  # every dropped position lies in a dropped square


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (7, 4)])
def test_small_maps_are_allowed(size):
    torch.manual_seed(0)
    y = drop_squares(torch.ones(400, 1, *size), 0.2, 7)
    assert torch.isfinite(y).all()
    assert 0.1 < (y == 0).float().mean() < 0.25


def test_a_network_drops_in_training_and_not_in_evaluation():
    network, images = tiny_detector(), torch.randn(2, 3, 64, 64)
    names = set(network.state_dict())
    with dropping(network, DropBlockSettings(0.5, 3)) as tell:
        tell(0.0)
        first = network(images)["class"][3]
        tell(1.0)
        assert not network(images)["class"][3].equal(first)
        network.eval()
        assert network(images)["class"][3].equal(network(images)["class"][3])
        assert set(network.state_dict()) == names
    assert not any(module._forward_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("settings", "sentence"), [({"keep": 0.0}, "keep is 0.0; it must be above 0"), ({"size": 4}, "it must be odd")]
)
def test_bad_settings(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        DropBlockSettings(**settings)
