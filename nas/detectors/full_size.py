"""The detector that a user will build of an architecture: its family's scaling, RetinaNet, COCO's classes.

Its cost is what ``python -m nas.compile arch=best.json`` prints.
"""

from __future__ import annotations

import torch

from nas.detectors.build import build_detector
from nas.detectors.cost import Cost, cost
from nas.detectors.inference.latency import measure_latency
from search_spaces.architecture import Architecture


def full_size_cost(architecture: Architecture, image_size: int) -> Cost:
    """What it costs for square images of ``image_size`` pixels a side; nothing is run.

    Raises:
        ConfigError: the detector cannot take that size.
    """
    with torch.device("meta"):
        detector = build_detector(architecture)
    return cost(detector, image_size)


def full_size_milliseconds(architecture: Architecture, image_size: int, device: str = "auto") -> float:
    """Median time of three runs on one image after one to warm up, raw outputs without post-processing.

    Raises:
        ConfigError: the device is not there, or the detector cannot take that size.
    """
    torch.manual_seed(0)
    detector = build_detector(architecture)
    return measure_latency(detector, (image_size, image_size), device=device, warmup=1, runs=3).milliseconds
