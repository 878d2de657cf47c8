"""What is fed and what is found: the pictures are as they were, the fixed ones are fixed."""

import torch

from nas.datasets.augment import normalise
from nas.evaluation import evaluate
from nas.reporting import training_pictures
from nas.reporting.training_pictures import draw_batches, draw_predictions, fixed_pictures
from nas.training.validation import Validation
from tests.datasets.square_support import white_boxes
from tests.training.training_support import tiny_detector


def test_pixels_come_back_from_what_a_network_is_given():
    images = torch.randint(0, 256, (1, 3, 8, 8), dtype=torch.uint8)
    pixels = training_pictures._pixels(normalise(images)[0])
    assert (torch.from_numpy(pixels).permute(2, 0, 1) == images[0]).all()


def test_fixed_pictures_are_spread_evenly():
    assert fixed_pictures(range(100)) == [0, 16, 33, 50, 66, 83]
    assert fixed_pictures([5, 7]) == [5, 7]


def test_batches_and_predictions_are_drawn(tmp_path):
    data = white_boxes((10, 10, 30, 30))
    box = {"boxes": torch.tensor([[10.0, 10, 30, 30]]), "labels": torch.tensor([1])}
    batch = normalise(torch.from_numpy(data.images.copy())), [box]
    assert draw_batches([batch], data.class_names, tmp_path / "fed.jpg").is_file()
    detector = tiny_detector()
    torch.nn.init.constant_(detector.head.class_predictor.bias, -10.0)
    assert draw_predictions(detector, Validation(evaluate, data, [0], "one"), tmp_path / "found.jpg").is_file()
    assert detector.training
