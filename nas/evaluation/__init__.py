"""How well a detector does: COCO's numbers for boxes and masks."""

from nas.evaluation.coco import BACKENDS, METRICS, coco_metrics
from nas.evaluation.evaluate import evaluate

__all__ = ["BACKENDS", "METRICS", "coco_metrics", "evaluate"]
