"""How well a detector does: COCO's numbers for boxes and masks, by class and size, curves, and what is confused."""

from nas.evaluation.coco import BACKENDS, METRICS, CocoResult, coco_evaluation, coco_metrics
from nas.evaluation.evaluate import detect_in, evaluate, measure, truth_of

__all__ = [
    "BACKENDS",
    "METRICS",
    "CocoResult",
    "coco_evaluation",
    "coco_metrics",
    "detect_in",
    "evaluate",
    "measure",
    "truth_of",
]
