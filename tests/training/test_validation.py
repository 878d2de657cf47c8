"""Validations: a broken picture counts as empty; the weights are as they were afterwards."""

import torch

from nas.datasets.coco import open_coco
from nas.evaluation import evaluate
from nas.training.flat import flat_weights
from nas.training.optimiser import build_average
from nas.training.validation import Validation, averaged
from tests.datasets.coco_support import content, write
from tests.training.training_support import tiny_detector


def test_a_broken_picture_is_named_once_and_counts_as_empty(tmp_path, caplog):
    data = open_coco(write(tmp_path / "set", content()), 32, tmp_path / "cache", live=True)
    (tmp_path / "set" / "train2017" / "1.png").write_bytes(b"none")
    validation = Validation(evaluate, data, range(4), "four pictures", 2)
    detector = tiny_detector()
    metrics = [validation.measure(detector) for _ in range(2)]
    assert metrics[0] == metrics[1]
    assert validation.broken == {1}
    assert caplog.text.count("It counts in validations as a picture in which nothing is found.") == 1
    assert validation.read(data, [1], torch.device("cpu")).abs().max() < 0.02


def test_the_average_is_there_in_the_block_alone():
    network = tiny_detector()
    with flat_weights(network) as weights:
        for average in (build_average(weights, 0.5, ramped=True), None):
            if average is not None:
                average.update_parameters(weights)
            with torch.no_grad():
                weights.kernels += 1
            before = weights.kernels.detach().clone()
            with averaged(weights, average):
                assert weights.kernels.equal(before) == (average is None)
                weights.statistics.fill_(5.0)
            assert weights.kernels.equal(before)
            assert not (weights.statistics == 5).any()
