"""A torch.export program computes what the detector does, and exporting leaves the detector as it was."""

import pytest
import torch

from nas.detectors import Detector
from nas.export import check_program, export_program
from search_spaces.errors import ConfigError
from tests.export.export_support import drawn_picture, small_detector

CASES = {
    "spinenet, tpu": ("spinenet-49", "retinanet", {}),
    "mobile, model_garden": (
        "spinenet-mobile-49",
        "retinanet",
        {"convention": "model_garden", "activation": "swish", "separable": True},
    ),
    "resnet, mmdet": ("r50-fpn", "retinanet", {"convention": "mmdet"}),
    "classifier": ("r50-fpn", "classifier", {}),
    "mask_rcnn": ("r50-fpn-2-6", "mask_rcnn", {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_program_computes_what_the_detector_does(case, tmp_path):
    name, head, changes = CASES[case]
    detector = small_detector(name, head, **changes)
    export_program(detector, 128, tmp_path / "program.pt2")
    images = drawn_picture(128, 128)
    assert check_program(tmp_path / "program.pt2", detector, images) < 1e-5
    with torch.no_grad():
        next(detector.parameters()).add_(0.5)
    assert check_program(tmp_path / "program.pt2", detector, images) > 1e-3


def test_a_program_is_of_evaluation_and_the_detector_stays_in_training(tmp_path):
    detector: Detector = small_detector("r50-fpn", stochastic_depth=0.5)
    detector.train()
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    export_program(detector, (32, 64), tmp_path / "new" / "program.pt2")
    assert detector.training
    assert detector.backbone.training
    torch.testing.assert_close(detector.state_dict(), before, rtol=0, atol=0)
    assert check_program(tmp_path / "new" / "program.pt2", detector, drawn_picture(32, 64)) < 1e-5


def test_a_size_that_the_detector_cannot_take(tmp_path):
    with pytest.raises(ConfigError, match="height 100 is not a multiple of 32; the nearest is 96 or 128"):
        export_program(small_detector("r50-fpn"), (100, 128), tmp_path / "program.pt2")
