"""PyTorch detectors that are compiled from architectures."""

from nas.detectors.build import build_detector, load_published
from nas.detectors.convention import CONVENTIONS
from nas.detectors.cost import Cost, cost
from nas.detectors.detections import DetectionSettings, paste_masks
from nas.detectors.detector import Detector, Network, as_detector, in_evaluation
from nas.detectors.heads import Classifier, MaskRCNN, RetinaNet
from nas.detectors.inference import keep_freed_memory, optimise
from nas.detectors.published import PUBLISHED
from nas.detectors.scaling import PROXY, Scaling
from nas.detectors.weights import TrainedOn, load_detector, read_trained_on, save_detector

__all__ = [
    "CONVENTIONS",
    "PROXY",
    "PUBLISHED",
    "Classifier",
    "Cost",
    "DetectionSettings",
    "Detector",
    "MaskRCNN",
    "Network",
    "RetinaNet",
    "Scaling",
    "TrainedOn",
    "as_detector",
    "build_detector",
    "cost",
    "in_evaluation",
    "keep_freed_memory",
    "load_detector",
    "load_published",
    "optimise",
    "paste_masks",
    "read_trained_on",
    "save_detector",
]
