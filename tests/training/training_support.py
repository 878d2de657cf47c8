"""A tiny detector and the embedded data set for it."""

import numpy as np
import torch

import search_spaces
from nas.detectors import Detector, Scaling, build_detector

TINY = Scaling(width=0.125, alpha=0.25, endpoints=8, head_channels=8, head_depth=1, fc_channels=16, bn_momentum=0.1)


def tiny_detector(seed: int = 0, head: str = "retinanet") -> Detector:
    """For 3 classes, from a toy architecture."""
    torch.manual_seed(seed)
    architecture = search_spaces.build("toy").sample(np.random.default_rng(0))
    return build_detector(architecture, TINY, head=head, classes=4)
