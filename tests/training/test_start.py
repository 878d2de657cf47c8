"""Weights to begin with: taken over where classes are the same, new class outputs otherwise."""

import pytest

from nas.detectors import TrainedOn, save_detector
from nas.training.start import check_labels, class_tensors, from_weights
from search_spaces.errors import ConfigError
from tests.training.training_support import tiny_detector


@pytest.fixture
def saved(tmp_path):
    network = tiny_detector(seed=3)
    save_detector(network, tmp_path / "named.safetensors", trained_on=TrainedOn(("a", "b", "c"), 32))
    save_detector(network, tmp_path / "bare.safetensors")
    return network, tmp_path


def equal(one, other, names):
    states = one.state_dict(), other.state_dict()
    return all(states[0][name].equal(states[1][name]) for name in names)


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn", "classifier"])
def test_class_tensors_are_those_of_the_class_outputs(head):
    names = class_tensors(tiny_detector(head=head))
    assert names
    assert all("predictor" in name or "class" in name or "box" in name or "mask" in name for name in names)
    assert not any(name.startswith("backbone") for name in names)


def test_the_same_classes_take_all_over(saved):
    network, folder = saved
    for file, words in (("named", "3 classs are the same"), ("bare", "does not name its classes")):
        taken, sentence = from_weights(folder / f"{file}.safetensors", ("a", "b", "c"), 0)
        assert equal(taken, network, network.state_dict())
        assert "all are taken over" in sentence
        assert words.replace("classs", "classes") in sentence


@pytest.mark.parametrize(
    ("file", "names", "words"),
    [
        ("named", ("a", "c", "b"), "their classes are those of the data set in another order"),
        ("named", ("a", "b", "x"), "only the data set has 'x'; only the weights have 'c'"),
        ("named", ("a",), "only the weights have 'b', 'c'"),
        ("bare", ("a",), "they are for 3 classes without names and the data set has 1"),
    ],
)
def test_other_classes_get_new_outputs_and_keep_the_rest(saved, file, names, words):
    network, folder = saved
    taken, sentence = from_weights(folder / f"{file}.safetensors", names, 0)
    again, _ = from_weights(folder / f"{file}.safetensors", names, 0)
    assert words in sentence
    assert "are made new" in sentence
    assert taken.classes == len(names) + 1
    of_classes = class_tensors(network)
    assert equal(taken, network, set(network.state_dict()) - of_classes)
    assert equal(taken, again, taken.state_dict())
    if len(names) == 3:
        assert not equal(taken, network, [name for name in of_classes if name.endswith("weight")])


def test_a_class_without_an_output_is_refused():
    network = tiny_detector()
    check_labels([1, 3], network, "here")
    check_labels([], network, "here")
    for label in (4, 0):
        with pytest.raises(ConfigError, match=rf"data set here: an object has class {label}, and .* are 1 to 3"):
            check_labels([1, label], network, "here")
