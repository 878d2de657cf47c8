"""The tensors of a training go back to their places, and only there."""

import pytest

from nas.training.flat import flat_weights
from nas.training.optimiser import OptimiserSettings, build_average, build_optimiser, set_learning_rate
from nas.training.tensors import layout, restore_tensors, tensors_of
from search_spaces.errors import RecordError
from tests.training.training_support import tiny_detector


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_what_was_taken_is_put_back(kind):
    settings = OptimiserSettings(kind)
    with flat_weights(tiny_detector(0)) as one, flat_weights(tiny_detector(1)) as other:
        optimisers = [build_optimiser(weights, settings) for weights in (one, other)]
        averages = [build_average(weights, 0.9, ramped=True) for weights in (one, other)]
        set_learning_rate(optimisers[0], 0.1)
        for weights in (one.kernels, one.others):
            weights.grad.normal_()
        optimisers[0].step()
        averages[0].update_parameters(one)
        taken = {name: value.clone() for name, value in tensors_of(one, optimisers[0], averages[0]).items()}
        restore_tensors(taken, other, optimisers[1], averages[1])
        found = tensors_of(other, optimisers[1], averages[1])
        assert found.keys() == taken.keys()
        assert all(found[name].equal(value) for name, value in taken.items())
        set_learning_rate(optimisers[1], 0.1)
        for weights, optimiser in ((one, optimisers[0]), (other, optimisers[1])):
            weights.kernels.grad.fill_(0.5)
            weights.others.grad.fill_(0.5)
            optimiser.step()
        assert one.kernels.equal(other.kernels)


def test_tensors_of_another_network_are_refused():
    settings = OptimiserSettings()
    with flat_weights(tiny_detector()) as one, flat_weights(tiny_detector(head="mask_rcnn")) as other:
        optimisers = [build_optimiser(weights, settings) for weights in (one, other)]
        with pytest.raises(RecordError, match=r"the state is of another detector or optimiser: .*size mismatch"):
            restore_tensors(tensors_of(one, optimisers[0], None), other, optimisers[1], None)


def test_the_layout_tells_networks_apart():
    assert layout(tiny_detector(0)) == layout(tiny_detector(1)) != layout(tiny_detector(head="mask_rcnn"))
