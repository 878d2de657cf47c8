"""Mask R-CNN on a compiled backbone: the detector with its losses and its detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nas.detectors.anchors import anchor_boxes
from nas.detectors.detector import Detector, RawOutputs
from nas.detectors.head_layers import flatten_levels
from nas.detectors.mask_losses import MASK_REGIONS, box_losses, mask_loss, rpn_losses, sample_regions
from nas.detectors.postprocess import DetectionSettings, select_detections
from nas.detectors.resample import Size
from nas.detectors.roi import BOX_SIZE, MASK_SIZE, BoxHead, MaskHead, align_regions, decode_regions
from nas.detectors.rpn import INFERENCE, TRAINING, ProposalSettings, RegionProposalNetwork, propose
from nas.detectors.scaling import Scaling
from search_spaces.architecture import Architecture


class MaskRCNN(Detector):
    """A Mask R-CNN detector compiled from an architecture (arXiv 1703.06870); class 0 is the background.

    Attributes:
        rpn, box_head, mask_head: region proposal network, and what is computed for each region.
    """

    head_name = "mask_rcnn"

    def __init__(self, architecture: Architecture, scaling: Scaling, classes: int) -> None:
        super().__init__(architecture, scaling, classes)
        anchors = len(self.scaling.rules.aspect_ratios)
        self.rpn = RegionProposalNetwork(len(self.levels), anchors, self.scaling)
        self.box_head = BoxHead(classes, self.scaling)
        self.mask_head = MaskHead(classes, self.scaling)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, Any]:
        """Raw outputs of the region proposal network for normalised images [B, 3, H, W], with A = 3 anchors.

        Returns:
            ``class`` {level: [B, A, h, w]} logits of there being an object, ``box`` {level: [B, A * 4, h, w]} codes
            (ty, tx, th, tw), ``endpoints`` {level: [B, C, h, w]} and ``image_size`` (H, W); h = ceil(H / 2**level).

        Raises:
            ConfigError: a side is no multiple of what the architecture and its convention need.
        """
        endpoints = self.endpoints(images)
        classes, boxes = self.rpn(endpoints)
        image_size = (images.shape[2], images.shape[3])
        return {"class": classes, "box": boxes, "endpoints": endpoints, "image_size": image_size}

    @torch.no_grad()
    def proposals(self, raw: RawOutputs, image_size: Size, settings: ProposalSettings = INFERENCE) -> list[Tensor]:
        """Regions of each image, best first: [N, 4] xyxy pixels within the image, N <= ``settings.limit``."""
        logits = [flatten_levels([x], 1).squeeze(2) for x in raw["class"].values()]
        codes = [flatten_levels([x], 4) for x in raw["box"].values()]
        anchors = self.anchors(raw).split([x.shape[1] for x in logits])
        inclusive = self.scaling.inclusive_pixels
        return [
            propose([x[at] for x in logits], [x[at] for x in codes], anchors, image_size, settings, inclusive)
            for at in range(len(logits[0]))
        ]

    def box_outputs(self, endpoints: Mapping[int, Tensor], rois: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The box head's outputs for regions of each image [r, 4] (xyxy pixels): logits [R, K], codes [R, 4 * K].

        R is over the images, then their regions; the codes are ty, tx, th, tw for each class, times 10, 10, 5, 5.
        """
        logits, codes = self.box_head(align_regions(endpoints, rois, BOX_SIZE, self.scaling.rules))
        return logits, codes

    def mask_outputs(self, endpoints: Mapping[int, Tensor], rois: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Mask logits [R, 28, 28] for regions as in :meth:`box_outputs` and the class of each of them, [R]."""
        logits: Tensor = self.mask_head(align_regions(endpoints, rois, MASK_SIZE, self.scaling.rules), labels)
        return logits

    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch: ``rpn_class``, ``rpn_box``, ``class``, ``box`` and ``mask``; minimise their sum.

        The mask head sees ``MASK_REGIONS`` regions an image, filled up with background, which has no loss: its batch
        statistics, and under ``torch.distributed`` its synchronisation, need regions in every batch.

        Args:
            raw: what :meth:`forward` returned.
            targets: per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels), ``labels`` [N] in 1..K-1 and ``masks``
                [N, H, W], boolean or 0 to 1; N may be 0.
        """
        endpoints, inclusive = raw["endpoints"], self.scaling.inclusive_pixels
        logits, codes = list(raw["class"].values()), list(raw["box"].values())
        counts = [x.shape[1] * x.shape[2] * x.shape[3] for x in logits]
        flat = flatten_levels(logits, 1).squeeze(2)
        losses = rpn_losses(flat, flatten_levels(codes, 4), self.anchors(raw), counts, targets)
        with torch.no_grad():
            proposals = self.proposals(raw, raw["image_size"], TRAINING)
            regions = [sample_regions(*pair, raw["image_size"]) for pair in zip(proposals, targets)]
        outputs = self.box_outputs(endpoints, [image.boxes for image in regions])
        losses |= box_losses(*outputs, regions, targets, inclusive)
        regions = [image.first(MASK_REGIONS) for image in regions]
        labels = torch.cat([image.labels for image in regions])
        masks = self.mask_outputs(endpoints, [image.boxes for image in regions], labels)
        return losses | {"mask": mask_loss(masks, regions, targets)}

    @torch.no_grad()
    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """Detections in normalised images [B, 3, H, W], best first.

        Args:
            settings: by default those of :class:`DetectionSettings` with the convention's ``roi_candidates``.

        Returns:
            As :meth:`detections`. The detector's own mode decides on batch statistics: call ``eval()`` first.
        """
        raw = self(images)
        rois = self.proposals(raw, raw["image_size"])
        return self.detections(raw["endpoints"], rois, raw["image_size"], settings)

    @torch.no_grad()
    def detections(
        self,
        endpoints: Mapping[int, Tensor],
        rois: Sequence[Tensor],
        image_size: Size,
        settings: DetectionSettings | None = None,
    ) -> list[dict[str, Tensor]]:
        """What the heads find in regions of each image [r, 4] (xyxy pixels), best first.

        Returns:
            Per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels, within the image), ``scores`` [N], ``labels`` [N] and
            ``masks`` [N, 28, 28], the probability within the box (see :func:`paste_masks`).
        """
        settings = settings or DetectionSettings(candidates=self.scaling.rules.roi_candidates)
        counts = [len(image) for image in rois]
        logits, codes = (x.split(counts) for x in self.box_outputs(endpoints, rois))
        found = [self._select(*image, image_size, settings) for image in zip(logits, codes, rois)]
        labels = torch.cat([image["labels"] for image in found])
        masks = self.mask_outputs(endpoints, [image["boxes"] for image in found], labels).float().sigmoid()
        parts = masks.split([len(image["labels"]) for image in found])
        return [image | {"masks": part} for image, part in zip(found, parts)]

    def _select(
        self, logits: Tensor, codes: Tensor, rois: Tensor, image_size: Size, settings: DetectionSettings
    ) -> dict[str, Tensor]:
        """Boxes, scores and labels of one image: logits [R, K], codes [R, 4 * K], regions [R, 4]."""
        scores = logits.double().softmax(dim=1)[:, 1:].float().flatten()
        pairs = (scores > settings.score_threshold).nonzero().squeeze(1)
        boxes_of = partial(self._boxes_of, codes.float().unflatten(1, (-1, 4)), rois, image_size)
        return select_detections(pairs, scores[pairs], self.classes - 1, boxes_of, image_size, settings)

    def _boxes_of(self, codes: Tensor, rois: Tensor, image_size: Size, rows: Tensor, labels: Tensor) -> Tensor:
        return decode_regions(codes[rows, labels], rois[rows], image_size, self.scaling.inclusive_pixels)

    def anchors(self, raw: RawOutputs) -> Tensor:
        """Anchors [N, 4] of all levels (centre form, pixels), N over levels, rows, columns, aspect ratios."""
        sizes = tuple((level, (x.shape[2], x.shape[3])) for level, x in raw["class"].items())
        device = raw["class"][self.levels[0]].device
        return anchor_boxes(sizes, self.scaling.anchor_size, device, self.scaling.rules, octaves=1)
