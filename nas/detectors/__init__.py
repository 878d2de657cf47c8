"""Architectures compiled to PyTorch detectors."""

from nas.detectors.build import build_detector, load_published
from nas.detectors.classifier import Classifier
from nas.detectors.convention import CONVENTIONS
from nas.detectors.cost import Cost, cost
from nas.detectors.detector import Detector
from nas.detectors.inference import optimise
from nas.detectors.mask_rcnn import MaskRCNN
from nas.detectors.masks import paste_masks
from nas.detectors.memory import keep_freed_memory
from nas.detectors.postprocess import DetectionSettings
from nas.detectors.published import PUBLISHED
from nas.detectors.retinanet import RetinaNet
from nas.detectors.scaling import PROXY, Scaling
from nas.detectors.weights import load_detector, save_detector

__all__ = [
    "CONVENTIONS",
    "PROXY",
    "PUBLISHED",
    "Classifier",
    "Cost",
    "DetectionSettings",
    "Detector",
    "MaskRCNN",
    "RetinaNet",
    "Scaling",
    "build_detector",
    "cost",
    "keep_freed_memory",
    "load_detector",
    "load_published",
    "optimise",
    "paste_masks",
    "save_detector",
]
