"""The compiled Mask R-CNN detector: shapes, detections, training."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn

import search_spaces
from nas.detectors import DetectionSettings, MaskRCNN, Scaling, build_detector
from nas.detectors.heads.rpn import ProposalSettings
from nas.detectors.inference.optimise import optimise
from nas.detectors.sizes import feature_size

SMALL = Scaling(width=0.1, endpoints=8, head_channels=8, head_depth=1, fc_channels=16)
MASKS = torch.zeros(2, 128, 128, dtype=torch.bool)
MASKS[0, 12:70, 10:60] = True
MASKS[1, 80:120, 70:120] = True
TARGETS = [
    {"boxes": torch.tensor([[10.0, 12, 60, 70], [70, 80, 120, 120]]), "labels": torch.tensor([1, 3]), "masks": MASKS},
    {
        "boxes": torch.zeros(0, 4),
        "labels": torch.zeros(0, dtype=torch.int64),
        "masks": torch.zeros(0, 128, 128, dtype=torch.bool),
    },
]
VARIANTS = [
    ("spinenet-49", {}),
    ("spinenet-49", {"activation": "swish", "stochastic_depth": 0.2, "head_depth": 2, "rpn_depth": 2}),
    ("spinenet-49", {"inclusive_pixels": True, "separable": True}),
    ("spinenet-49", {"convention": "model_garden"}),
    ("spinenet-mobile-49", {"width": 0.4, "separable": True, "activation": "swish"}),
    ("r50-fpn-2-6", {}),
]


def small(name: str = "spinenet-49", **changes: object) -> MaskRCNN:
    torch.manual_seed(0)
    scaling = dataclasses.replace(SMALL, **changes)  # type: ignore[arg-type]
    detector = build_detector(search_spaces.load(name), scaling, head="mask_rcnn", classes=4)
    assert isinstance(detector, MaskRCNN)
    return detector


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_any_backbone_trains_and_detects(name: str, changes: dict[str, object]) -> None:
    detector = small(name, **changes)
    images = torch.randn(2, 3, 128, 128)
    raw = detector(images)
    for key, channels in (("class", 3), ("box", 12), ("endpoints", 8)):
        expected = {level: (2, channels, *feature_size((128, 128), level)) for level in detector.levels}
        assert {level: tuple(x.shape) for level, x in raw[key].items()} == expected
    losses = detector.loss(raw, TARGETS)
    assert set(losses) == {"rpn_class", "rpn_box", "class", "box", "mask"}
    sum(losses.values()).backward()
    for key, parameter in detector.named_parameters():
        dead_end = key.startswith("backbone.groups.1.") and parameter.grad is None
        assert dead_end or torch.isfinite(parameter.grad).all(), key
        sampled = key.startswith("rpn.tower.norms.") or "bias" in key  # a coarse level may have no sampled anchor
        assert key.startswith("backbone.") or sampled or parameter.grad.abs().max() > 0, key
    check_detections(detector.eval().detect(images, DetectionSettings(score_threshold=0.0)), (128, 128))


def check_detections(found: list[dict[str, Tensor]], size: tuple[int, int]) -> None:
    assert len(found) == 2
    for image in found:
        count = len(image["scores"])
        assert 0 < count <= 100
        assert image["boxes"].shape == (count, 4)
        assert image["masks"].shape == (count, 28, 28)
        assert image["scores"].diff().max() <= 0
        assert set(image["labels"].tolist()) <= {1, 2, 3}
        assert (image["boxes"] >= 0).all()
        assert (image["boxes"] <= torch.tensor([size[1], size[0]] * 2)).all()
        assert ((image["masks"] >= 0) & (image["masks"] <= 1)).all()


def test_rectangular_images_and_proposals() -> None:
    detector = small().eval()
    raw = detector(torch.randn(2, 3, 128, 256))
    assert raw["image_size"] == (128, 256)
    rois = detector.proposals(raw, (100, 250), ProposalSettings(limit=7))
    assert [len(image) for image in rois] == [7, 7]
    assert (torch.cat(rois) <= torch.tensor([250.0, 100, 250, 100])).all()
    logits, codes = detector.box_outputs(raw["endpoints"], rois)
    assert (logits.shape, codes.shape) == ((14, 4), (14, 16))
    assert detector.mask_outputs(raw["endpoints"], rois, torch.ones(14, dtype=torch.int64)).shape == (14, 28, 28)


def test_images_are_detected_one_by_one_as_together() -> None:
    detector = small().eval()
    images, settings = torch.randn(2, 3, 128, 128), DetectionSettings(score_threshold=0.0)
    nn.init.normal_(detector.box_head.class_predictor.weight)
    together = detector.detect(images, settings)
    for at, image in enumerate(together):
        alone = detector.detect(images[at : at + 1], settings)[0]
        for key in ("boxes", "scores", "masks"):
            torch.testing.assert_close(alone[key], image[key], atol=1e-3, rtol=1e-3)


def test_no_proposals_and_no_detections() -> None:
    detector = small().eval()
    raw = detector(torch.randn(2, 3, 128, 128))
    assert all(
        len(image["scores"]) == 0 for image in detector.detect(torch.randn(2, 3, 128, 128), DetectionSettings(0.99))
    )
    found = detector.detections(raw["endpoints"], [torch.zeros(0, 4), torch.zeros(0, 4)], (128, 128))
    assert [image["masks"].shape for image in found] == [(0, 28, 28)] * 2
    some = detector.detections(
        raw["endpoints"], [torch.zeros(0, 4), torch.tensor([[1.0, 2, 90, 99]])], (128, 128), DetectionSettings(0.0)
    )
    assert [len(image["boxes"]) for image in some] == [0, 3]


@pytest.mark.parametrize("target", [0, 1])
def test_loss_without_proposals(target: int, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = small()
    monkeypatch.setattr(detector, "proposals", lambda raw, image_size, settings: [torch.zeros(0, 4)])
    losses = detector.loss(detector(torch.randn(1, 3, 128, 128)), [TARGETS[target]])
    sum(losses.values()).backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(x.grad is not None for part in (detector.box_head, detector.mask_head) for x in part.parameters())


def test_training_on_one_image_lowers_the_loss() -> None:
    detector = small(endpoints=16, head_channels=16, fc_channels=32)
    images = torch.zeros(1, 3, 128, 128)
    images[0, 0][MASKS[0]] = 1
    images[0, 1][MASKS[1]] = 1
    optimiser = torch.optim.Adam(detector.parameters(), lr=3e-3)
    history = []
    for _ in range(24):
        optimiser.zero_grad()
        losses = detector.loss(detector(images), TARGETS[:1])
        sum(losses.values()).backward()
        optimiser.step()
        history.append({key: value.item() for key, value in losses.items()})
    first, last = (
        {key: sum(step[key] for step in steps) / len(steps) for key in history[0]}
        for steps in (history[:3], history[-3:])
    )
    assert sum(last.values()) < 0.5 * sum(first.values())
    assert last["class"] < 0.6 * first["class"]
    assert last["mask"] < 0.7 * first["mask"]
    assert last["rpn_class"] < 0.8 * first["rpn_class"]


def test_an_optimised_detector_computes_the_same() -> None:
    detector = small()
    with torch.no_grad():
        for _ in range(2):
            detector.loss(detector(torch.randn(2, 3, 128, 128)), TARGETS)
    images, rois = torch.randn(1, 3, 128, 128), [torch.tensor([[3.0, 5, 90, 80], [60, 60, 70, 75]])]
    labels = torch.tensor([1, 2])
    for ours, theirs in zip(
        *(run(model.eval(), images, rois, labels) for model in (detector, optimise(detector, compile=False)))
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def run(detector: MaskRCNN, images: Tensor, rois: list[Tensor], labels: Tensor) -> list[Tensor]:
    raw = detector(images)
    endpoints = raw["endpoints"]
    return [
        *raw["class"].values(),
        *detector.box_outputs(endpoints, rois),
        detector.mask_outputs(endpoints, rois, labels),
    ]
