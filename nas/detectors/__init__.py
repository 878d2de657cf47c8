"""Architectures compiled to PyTorch detectors."""

from nas.detectors.build import build_detector, load_published
from nas.detectors.cost import Cost, cost
from nas.detectors.memory import keep_freed_memory
from nas.detectors.postprocess import DetectionSettings
from nas.detectors.retinanet import Detector
from nas.detectors.scaling import PROXY, PUBLISHED, Scaling

__all__ = [
    "PROXY",
    "PUBLISHED",
    "Cost",
    "DetectionSettings",
    "Detector",
    "Scaling",
    "build_detector",
    "cost",
    "keep_freed_memory",
    "load_published",
]
