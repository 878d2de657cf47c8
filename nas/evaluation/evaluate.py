"""How well a detector does on some images of a data set, in pixels of the original images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from nas.datasets.augment import read_images
from nas.datasets.dataset import DetectionData, Objects
from nas.datasets.masks import Size, encode_masks
from nas.detectors import DetectionSettings, Network, as_detector, in_evaluation, paste_masks
from nas.evaluation.coco import CocoResult, coco_evaluation

PREFIXES = {"bbox": "", "segm": "mask_"}
"""What is measured -> what stands before the names of its numbers."""
MASK_THRESHOLD = 0.5
_PASTED_AT_ONCE = 2**24  # pixels, 64 MB

Read = Callable[[DetectionData, Sequence[int], torch.device], Tensor]
"""Data set, indices and device -> normalised images [B, 3, S, S]."""

log = logging.getLogger(__name__)


def evaluate(
    network: Network,
    data: DetectionData,
    indices: Sequence[int],
    batch_size: int = 32,
    settings: DetectionSettings | None = None,
    backend: str = "faster",
    read: Read = read_images,
) -> dict[str, float]:
    """COCO's twelve numbers of a detector on some images of a data set, computed as in evaluation.

    Args:
        indices: which images.
        batch_size: images that the detector sees at once.
        settings: what counts as a detection.
        backend: as in :func:`nas.evaluation.coco.coco_metrics`.
        read: what reads a batch of images, for example :func:`read_images` with a watch.

    Returns:
        The numbers of ``METRICS`` for boxes, and for a detector that finds masks the same numbers for masks, with
        ``mask_`` before the name. Where an object of these images has no mask, masks are not measured, and a warning
        says so.

    Raises:
        ConfigError: the network is no detector, or the backend is unknown.
    """
    found = detect_in(network, data, indices, batch_size, settings, read)
    truth = truth_of(data, indices, masks=any("masks" in one for one in found))
    results = measure(truth, found, data, backend)
    return {f"{PREFIXES[kind]}{name}": value for kind, one in results.items() for name, value in one.numbers.items()}


def measure(
    truth: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    data: DetectionData,
    backend: str = "faster",
) -> dict[str, CocoResult]:
    """COCO's evaluation of boxes (``"bbox"``), and of masks (``"segm"``) where some were found.

    Args:
        truth: of some images of ``data``, see :func:`truth_of`.
        found: in the same images, see :func:`detect_in`.
    """
    classes = len(data.class_names)
    results = {"bbox": coco_evaluation(truth, found, classes, backend)}
    if any("masks" in one for one in found):
        if all("masks" in one for one in truth):
            results["segm"] = coco_evaluation(truth, found, classes, backend, "segm")
        else:
            log.warning("data set %s: masks are not measured, since some objects have none.", data.source)
    return results


def truth_of(data: DetectionData, indices: Sequence[int], masks: bool = False) -> list[dict[str, Any]]:
    """The objects of some images in pixels of the originals, as :mod:`nas.evaluation.coco` takes them.

    Args:
        masks: whether there are ``masks`` for each image whose objects all have one.
    """
    return [_as_truth(data.original_objects(index), masks) for index in indices]


def detect_in(
    network: Network,
    data: DetectionData,
    indices: Sequence[int],
    batch_size: int = 32,
    settings: DetectionSettings | None = None,
    read: Read = read_images,
    done: Callable[[int], None] = lambda count: None,
) -> list[dict[str, Any]]:
    """What a detector finds in some images of a data set, boxes and masks in pixels of the originals.

    Args:
        batch_size, settings, read: see :func:`evaluate`.
        done: is told after each batch in how many images it has been looked.

    Returns:
        Per image ``boxes`` [m, 4], ``scores`` [m], ``labels`` [m], and from a detector that finds masks ``masks``, per
        object COCO's compressed run lengths.

    Raises:
        ConfigError: the network is no detector.
    """
    detector = as_detector(network, "evaluation")
    device = next(detector.parameters()).device
    found: list[dict[str, Any]] = []
    with in_evaluation(detector):
        for first in range(0, len(indices), batch_size):
            batch = indices[first : first + batch_size]
            results = detector.detect(read(data, batch, device), settings)
            found.extend(_to_original(data, index, result) for index, result in zip(batch, results))
            done(len(found))
    return found


def _to_original(data: DetectionData, index: int, result: Mapping[str, Tensor]) -> dict[str, Any]:
    original: dict[str, Any] = {name: result[name].cpu().numpy() for name in ("boxes", "scores", "labels")}
    original["boxes"] = data.to_original(index, original["boxes"])
    if "masks" in result:
        boxes = torch.from_numpy(original["boxes"]).to(result["masks"].device)
        original["masks"] = encode_pasted(result["masks"], boxes, data.original_size(index))
    return original


def encode_pasted(masks: Tensor, boxes: Tensor, size: Size) -> list[dict[str, Any]]:
    """Masks within their boxes as COCO's compressed run lengths of the whole image, a few masks at a time.

    Args:
        masks: probabilities [N, h, w]; above 0.5 a pixel belongs to the object.
        boxes: [N, 4], xyxy pixels.
        size: (H, W) of the image.
    """
    count = max(1, _PASTED_AT_ONCE // (size[0] * size[1]))
    counts: list[bytes] = []
    for few, own in zip(masks.split(count), boxes.split(count)):
        pasted = paste_masks(few, own, size) > MASK_THRESHOLD
        counts.extend(encode_masks(pasted.cpu().numpy()))
    return [{"size": list(size), "counts": one} for one in counts]


def _as_truth(objects: Objects, masks: bool) -> dict[str, Any]:
    truth = {"boxes": objects.boxes, "labels": objects.labels, "areas": objects.areas, "crowd": objects.crowd}
    if not masks or not objects.have_masks():
        return truth
    return truth | {"masks": [] if objects.masks is None else objects.masks.encoded()}
