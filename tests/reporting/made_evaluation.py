"""An evaluation of random detections, with names that nobody would choose."""

from nas.evaluation.coco import coco_evaluation
from nas.evaluation.confusion import confusion
from nas.evaluation.curves import score_curves
from nas.evaluation.evaluation import Evaluation
from nas.evaluation.per_class import per_class, per_size
from tests.evaluation.random_images import random_set

ABOUT = {
    "weights": "<w>.safetensors",
    "data": "d&d",
    "split": "val",
    "source": "/x/<y>.json",
    "detector": "retinanet",
    "remarks": ["Classes <matched>."],
    "latency": {"text": "latency 3 ms\nmethod: <none>"},
}
NAMES = ("a $x$ <b>", 'q,"r"\n', "日本語", "\ud800")


def made(classes: int, images: int = 12, most: int = 6, masks: bool = False) -> Evaluation:
    """With ``masks``, those of the boxes once more stand for those of masks."""
    truth, found = random_set(1, images, classes, most)
    names = (NAMES * classes)[:classes]
    result, curves = coco_evaluation(truth, found, classes), score_curves(truth, found, classes)
    kinds = ("bbox", "segm") if masks else ("bbox",)
    return Evaluation(
        class_names=names,
        images=images,
        objects=int(curves.objects.sum()),
        results=dict.fromkeys(kinds, result),
        classes=dict.fromkeys(kinds, per_class(result, truth, names)),
        sizes=dict.fromkeys(kinds, per_size(result, truth)),
        curves=curves,
        confusion=confusion(truth, found, classes, 0.1),
    )
