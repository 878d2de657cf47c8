"""What counts as a detection, and how the masks of detections are brought to the size of the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nas.detectors.sizes import Size
from search_spaces.settings import integer, within

MIN_SIDE = 1e-6  # pixels; a box without area covers nothing


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """What counts as a detection (the TPU release's post-processing).

    Attributes:
        score_threshold: only boxes with a higher score count.
        candidates: the most boxes of each class that reach non-maximum suppression in an image; the best ones do.
        nms_iou: if two boxes of a class overlap more than this, the one with the lower score is dropped.
        detections: the most detections in an image.

    Raises:
        ConfigError: a setting has the wrong type or is out of range.
    """

    score_threshold: float = 0.05
    candidates: int = 5000
    nms_iou: float = 0.5
    detections: int = 100

    def __post_init__(self) -> None:
        for name in ("candidates", "detections"):
            integer(name, getattr(self, name), 1)
        for name in ("score_threshold", "nms_iou"):
            within(name, getattr(self, name), 0, 1)


def paste_masks(masks: Tensor, boxes: Tensor, image_size: Size) -> Tensor:
    """Masks within their boxes -> masks of the whole image, resized bilinearly, 0 outside.

    Pixels, and the positions of a mask, stand for their centres. A pixel above 0.5 belongs to the object.

    Args:
        masks: probabilities [N, h, w].
        boxes: [N, 4], xyxy pixels.
        image_size: (H, W).

    Returns:
        Probabilities [N, H, W].
    """
    rows = _weights(boxes[:, 1], boxes[:, 3], masks.shape[1], image_size[0])
    columns = _weights(boxes[:, 0], boxes[:, 2], masks.shape[2], image_size[1])
    return rows @ masks.to(rows.dtype) @ columns.transpose(1, 2)


def _weights(start: Tensor, end: Tensor, positions: int, pixels: int) -> Tensor:
    """How much each position of a mask contributes to each pixel along one axis: [N, pixels, positions]."""
    side = (end - start).clamp(min=MIN_SIDE)
    centres = torch.arange(pixels, device=start.device, dtype=start.dtype) + 0.5
    at = (centres - start[:, None]) / side[:, None] * positions - 0.5
    distance = at[:, :, None] - torch.arange(positions, device=start.device, dtype=start.dtype)
    return (1 - distance.abs()).clamp(min=0)
