"""How many images fit: reckoned from the free memory on a CPU."""

import pytest
import torch

from nas.detectors import cost
from nas.training import memory
from nas.training.memory import KEPT, OF_FREE, fitting_part
from tests.training.training_support import tiny_detector


@pytest.mark.parametrize(("images", "part"), [(0.5, 1), (3.5, 3), (100, 8)])
def test_as_many_as_the_free_memory_holds(monkeypatch, images, part):
    network = tiny_detector()
    each = KEPT * cost(network, 64).activation_bytes / OF_FREE
    monkeypatch.setattr(memory, "free_memory", lambda: int(images * each))
    assert fitting_part(network, 64, 8, "float32", torch.device("cpu")) == part
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    assert fitting_part(network, 64, 8, "float32", torch.device("cpu")) == 8


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn"])
def test_a_trial_step_leaves_the_network_as_it_was(head):
    network = tiny_detector(head=head)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    memory._try_step(network, 64, 2, "float32", torch.device("cpu"))
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
