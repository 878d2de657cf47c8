"""Mask R-CNN on a compiled backbone: the detector, its losses and its detections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor

from nas.detectors.boxes import MAX_LOG_SIZE
from nas.detectors.convention import CONVENTIONS
from nas.detectors.detections import DetectionSettings
from nas.detectors.detector import Backbone, Detector, RawOutputs, in_evaluation
from nas.detectors.heads.anchors import anchor_boxes
from nas.detectors.heads.fixed_shapes import align_fixed, proposals_fixed, select_fixed
from nas.detectors.heads.mask_losses import MASK_REGIONS, box_losses, mask_loss, rpn_losses, sample_regions
from nas.detectors.heads.postprocess import select_detections
from nas.detectors.heads.region_heads import BOX_SIZE, MASK_SIZE, BoxHead, MaskHead
from nas.detectors.heads.regions import (
    CANONICAL_LEVEL,
    CANONICAL_SIDE,
    CODE_WEIGHTS,
    LEVEL_MARGIN,
    align_regions,
    decode_regions,
)
from nas.detectors.heads.rpn import INFERENCE, TRAINING, ProposalSettings, RegionProposalNetwork, propose
from nas.detectors.heads.towers import flatten_levels
from nas.detectors.parts import Part, Role, Weight
from nas.detectors.scaling import Scaling
from nas.detectors.sizes import Size


class MaskRCNN(Detector):
    """A Mask R-CNN detector that is compiled from an architecture (arXiv 1703.06870). Class 0 is the background.

    Attributes:
        rpn: the region proposal network.
        box_head, mask_head: what is computed for each region.
    """

    head_name = "mask_rcnn"
    fixed_names = ("boxes", "scores", "labels", "count", "masks")
    needs_masks = True

    def __init__(self, backbone: Backbone, scaling: Scaling, classes: int) -> None:
        super().__init__(backbone, scaling, classes)
        self.convention = CONVENTIONS[scaling.convention]
        (channels,) = set(backbone.outputs.values())
        self.rpn = RegionProposalNetwork(backbone.outputs, len(self.convention.aspect_ratios), scaling)
        self.box_head = BoxHead(channels, classes, scaling)
        self.mask_head = MaskHead(channels, classes, scaling)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> dict[str, Any]:
        """Raw outputs of the region proposal network for normalised images [B, 3, H, W], with A = 3 anchors.

        Returns:
            ``class`` {level: [B, A, h, w]} logits that there is an object, ``box`` {level: [B, A * 4, h, w]} codes
            (ty, tx, th, tw), ``endpoints`` {level: [B, C, h, w]} and ``image_size`` (H, W); h = ceil(H / 2**level).

        Raises:
            ConfigError: a side is not a multiple of what the architecture and its convention need.
        """
        maps = self.features(images)
        classes, boxes = self.rpn(maps)
        image_size = (images.shape[2], images.shape[3])
        return {"class": classes, "box": boxes, "endpoints": maps, "image_size": image_size}

    @torch.no_grad()
    def proposals(self, raw: RawOutputs, image_size: Size, settings: ProposalSettings = INFERENCE) -> list[Tensor]:
        """Regions of each image, best first: [N, 4] xyxy pixels within the image, N <= ``settings.limit``."""
        logits, codes, anchors = self._by_level(raw)
        inclusive = self.scaling.inclusive_pixels
        return [
            propose([x[at] for x in logits], [x[at] for x in codes], anchors, image_size, settings, inclusive)
            for at in range(len(logits[0]))
        ]

    def _by_level(self, raw: RawOutputs) -> tuple[list[Tensor], list[Tensor], tuple[Tensor, ...]]:
        """Logits [B, n], codes [B, n, 4] and anchors [n, 4] of each level."""
        logits = [flatten_levels([x], 1).squeeze(2) for x in raw["class"].values()]
        codes = [flatten_levels([x], 4) for x in raw["box"].values()]
        return logits, codes, self.anchors(raw).split([x.shape[1] for x in logits])

    def box_outputs(self, maps: Mapping[int, Tensor], rois: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The box head's outputs for regions of each image [r, 4] (xyxy pixels): logits [R, K], codes [R, 4 * K].

        R runs over the images, then their regions. The codes are ty, tx, th, tw for each class, times 10, 10, 5, 5.
        """
        logits, codes = self.box_head(align_regions(maps, rois, BOX_SIZE, self.convention))
        return logits, codes

    def mask_outputs(self, maps: Mapping[int, Tensor], rois: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Mask logits [R, 28, 28] for regions as in :meth:`box_outputs` and the class ``labels`` [R] of each."""
        logits: Tensor = self.mask_head(align_regions(maps, rois, MASK_SIZE, self.convention), labels)
        return logits

    def loss(self, raw: RawOutputs, targets: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Losses of a batch: ``rpn_class``, ``rpn_box``, ``class``, ``box`` and ``mask``; minimise their sum.

        The mask head gets ``MASK_REGIONS`` regions per image. They are filled up with background, which has no loss,
        because its batch statistics (and under ``torch.distributed`` its synchronisation) need regions in every batch.

        Args:
            raw: what :meth:`forward` returned.
            targets: per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels), ``labels`` [N] in 1..K-1 and ``masks``
                [N, H, W], boolean or between 0 and 1; N may be 0.
        """
        maps, inclusive = raw["endpoints"], self.scaling.inclusive_pixels
        logits, codes = list(raw["class"].values()), list(raw["box"].values())
        counts = [x.shape[1] * x.shape[2] * x.shape[3] for x in logits]
        flat = flatten_levels(logits, 1).squeeze(2)
        losses = rpn_losses(flat, flatten_levels(codes, 4), self.anchors(raw), counts, targets)
        with torch.no_grad():
            proposals = self.proposals(raw, raw["image_size"], TRAINING)
            regions = [sample_regions(*pair, raw["image_size"]) for pair in zip(proposals, targets)]
        outputs = self.box_outputs(maps, [image.boxes for image in regions])
        losses |= box_losses(*outputs, regions, targets, inclusive)
        regions = [image.first(MASK_REGIONS) for image in regions]
        labels = torch.cat([image.labels for image in regions])
        masks = self.mask_outputs(maps, [image.boxes for image in regions], labels)
        return losses | {"mask": mask_loss(masks, regions, targets)}

    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        """Detections in normalised images [B, 3, H, W], best first, computed as in evaluation.

        Args:
            settings: by default those of :class:`DetectionSettings` with the convention's ``roi_candidates``.

        Returns:
            As in :meth:`detections`.
        """
        with in_evaluation(self):
            raw = self(images)
            rois = self.proposals(raw, raw["image_size"])
            return self.detections(raw["endpoints"], rois, raw["image_size"], settings)

    @torch.no_grad()
    def detections(
        self,
        maps: Mapping[int, Tensor],
        rois: Sequence[Tensor],
        image_size: Size,
        settings: DetectionSettings | None = None,
    ) -> list[dict[str, Tensor]]:
        """What the heads find in the regions ``rois`` of each image, best first.

        Args:
            maps: {level: [B, C, h, w]}.
            rois: regions [r, 4] of each image, xyxy pixels.
            image_size: (H, W).
            settings: as in :meth:`detect`.

        Returns:
            Per image ``boxes`` [N, 4] (x1, y1, x2, y2 in pixels, within the image), ``scores`` [N], ``labels`` [N] and
            ``masks`` [N, 28, 28], probabilities within the box (see :func:`nas.detectors.paste_masks`).
        """
        settings = settings or DetectionSettings(candidates=self.convention.roi_candidates)
        counts = [len(image) for image in rois]
        logits, codes = (x.split(counts) for x in self.box_outputs(maps, rois))
        found = [self._select(*image, image_size, settings) for image in zip(logits, codes, rois)]
        labels = torch.cat([image["labels"] for image in found])
        masks = self.mask_outputs(maps, [image["boxes"] for image in found], labels).float().sigmoid()
        each = masks.split([len(image["labels"]) for image in found])
        return [image | {"masks": own} for image, own in zip(found, each)]

    def fixed(self, raw: RawOutputs, image_size: Size, settings: DetectionSettings) -> dict[str, Tensor]:
        """What :meth:`detect` finds in one image, from its raw outputs; :func:`detections_fixed` says what may differ.

        Returns:
            ``boxes`` [D, 4], ``scores`` [D], ``labels`` [D], ``count`` [] and ``masks`` [D, 28, 28], with D =
            ``settings.detections``; what follows the first ``count`` detections is zero.
        """
        maps, convention, inclusive = raw["endpoints"], self.convention, self.scaling.inclusive_pixels
        outputs, codes, anchors = self._by_level(raw)
        first = ([x[0] for x in outputs], [x[0] for x in codes])
        rois, valid = proposals_fixed(*first, anchors, image_size, INFERENCE, inclusive)
        logits, box_codes = self.box_head(align_fixed(maps, rois, BOX_SIZE, convention))
        every = (logits.double().softmax(1)[:, 1:].float() * valid[:, None]).flatten()
        scores, pairs = every.topk(min(settings.candidates, every.shape[0]))
        pairs, order = pairs.sort()
        boxes_of = partial(self._boxes_of, box_codes.float().unflatten(1, (-1, 4)), rois, image_size)
        found = select_fixed(pairs, scores[order], self.classes - 1, boxes_of, image_size, settings)
        boxes, _, labels, count = found
        masks = self.mask_head(align_fixed(maps, boxes, MASK_SIZE, convention), labels).float().sigmoid()
        real = torch.arange(settings.detections, device=boxes.device) < count
        return dict(zip(self.fixed_names, (*found, masks * real[:, None, None])))

    def _select(
        self, logits: Tensor, codes: Tensor, rois: Tensor, image_size: Size, settings: DetectionSettings
    ) -> dict[str, Tensor]:
        """Boxes, scores and labels in one image, from logits [R, K], codes [R, 4 * K] and regions [R, 4]."""
        scores = logits.double().softmax(dim=1)[:, 1:].float().flatten()
        pairs = (scores > settings.score_threshold).nonzero().squeeze(1)
        boxes_of = partial(self._boxes_of, codes.float().unflatten(1, (-1, 4)), rois, image_size)
        return select_detections(pairs, scores[pairs], self.classes - 1, boxes_of, image_size, settings)

    def _boxes_of(self, codes: Tensor, rois: Tensor, image_size: Size, rows: Tensor, labels: Tensor) -> Tensor:
        return decode_regions(codes[rows, labels], rois[rows], image_size, self.scaling.inclusive_pixels)

    def anchors(self, raw: RawOutputs) -> Tensor:
        """Anchors [N, 4] of all levels (centre form, pixels); N runs over levels, rows, columns, aspect ratios."""
        sizes = tuple((level, (x.shape[2], x.shape[3])) for level, x in raw["class"].items())
        device = raw["class"][self.levels[0]].device
        return anchor_boxes(sizes, self.scaling.anchor_size, device, self.convention, octaves=1)

    def head_resolved(self) -> dict[str, Any]:
        """How many regions and detections there are, how regions are looked up, and the code of their boxes."""
        return {
            "octaves": 1,
            "proposal_candidates": INFERENCE.candidates,
            "proposal_iou": INFERENCE.nms_iou,
            "proposals": INFERENCE.limit,
            **asdict(DetectionSettings(candidates=self.convention.roi_candidates)),
            "max_log_size": MAX_LOG_SIZE,
            "box_positions": BOX_SIZE,
            "mask_positions": MASK_SIZE,
            "canonical_side": CANONICAL_SIDE,
            "canonical_level": CANONICAL_LEVEL,
            "level_margin": LEVEL_MARGIN,
            "code_weights": CODE_WEIGHTS,
        }

    def head_parts(self, image_size: Size) -> Iterator[Part]:
        """The region proposal network; the box head for all proposals; the mask head for all detections."""
        yield from self.rpn.parts(image_size)
        yield from self.box_head.parts(INFERENCE.limit)
        yield from self.mask_head.parts(DetectionSettings().detections)

    def head_roles(self) -> Iterator[tuple[Role, Weight]]:
        """The region proposal network, the box head, the mask head."""
        yield from self.rpn.roles("rpn")
        yield from self.box_head.roles("box_head")
        yield from self.mask_head.roles("mask_head")
