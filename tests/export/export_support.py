"""Small detectors whose outputs depend on every weight and statistic, and a drawn picture for them."""

import torch
from torch import Tensor

from nas.datasets.augment import normalise
from nas.datasets.synthetic import SyntheticSettings, generate
from nas.detectors import Detector, Scaling, build_detector

SMALL = {"width": 0.1, "endpoints": 8, "head_channels": 8, "head_depth": 1, "fc_channels": 16}


def small_detector(name, head="retinanet", **changes) -> Detector:
    """A detector with random statistics and biases, so that it detects at its threshold of 0.05."""
    scaling = Scaling(**(SMALL | ({"width": 0.3} if "mobile" in str(name) else {}) | changes))
    torch.manual_seed(0)
    detector = build_detector(name, scaling, head=head, classes=5).eval()
    with torch.no_grad():
        for key, value in detector.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif key.endswith(("running_mean", "bias")) or "predictor" in key:
                value.normal_(std=0.1)
    return detector


def drawn_picture(height: int, width: int) -> Tensor:
    """Normalised, [1, 3, height, width]."""
    scene = generate(SyntheticSettings(), 0, max(height, width)).image
    return normalise(torch.from_numpy(scene[None, :, :height, :width].copy()))
