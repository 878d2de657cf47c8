"""From raw outputs to detections."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from nas.detectors.anchors import decode
from nas.detectors.resample import Size
from search_spaces.errors import ConfigError


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """What counts as a detection (the TPU release's post-processing).

    Attributes:
        score_threshold: smaller scores are dropped.
        candidates: how many (anchor, class) pairs of an image reach non-maximum suppression, the best ones.
        nms_iou: of two boxes of a class that overlap more, the lower score is dropped.
        detections: at most so many per image.
    """

    score_threshold: float = 0.05
    candidates: int = 5000
    nms_iou: float = 0.5
    detections: int = 100

    def __post_init__(self) -> None:
        for name in ("candidates", "detections"):
            if getattr(self, name) < 1:
                raise ConfigError(f"detection setting {name} is {getattr(self, name)}; it must be at least 1.")
        for name in ("score_threshold", "nms_iou"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"detection setting {name} is {getattr(self, name)}; it lies in 0 to 1.")


def postprocess(
    class_logits: Tensor, box_codes: Tensor, anchors: Tensor, image_size: Size, settings: DetectionSettings
) -> list[dict[str, Tensor]]:
    """Detections of each image, best first: ``boxes`` [N, 4] xyxy pixels, ``scores`` [N], ``labels`` [N] from 1 on.

    Args:
        class_logits: [B, N, K], class 0 the background.
        box_codes: [B, N, 4].
        anchors: [N, 4] in centre form, pixels.
    """
    scores = class_logits[:, :, 1:].sigmoid().flatten(1)
    classes = class_logits.shape[2] - 1
    found = []
    for image_scores, image_codes in zip(scores, box_codes):
        kept = (image_scores > settings.score_threshold).nonzero().squeeze(1)
        values = image_scores[kept]
        if len(values) > settings.candidates:
            values, order = values.topk(settings.candidates)
            kept = kept[order]
        anchor, labels = torch.div(kept, classes, rounding_mode="floor"), kept % classes + 1
        boxes = decode(image_codes[anchor], anchors[anchor], image_size)
        best = batched_nms(boxes, values, labels, settings.nms_iou)[: settings.detections]
        found.append({"boxes": boxes[best], "scores": values[best], "labels": labels[best]})
    return found
