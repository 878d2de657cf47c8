"""Converted detectors compute what the code computes that the checkpoints come from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nas.detectors.convention import CONVENTIONS
from nas.detectors.detections import DetectionSettings
from nas.detectors.heads.mask_rcnn import MaskRCNN
from nas.detectors.heads.rpn import ProposalSettings
from tests.checkpoints.parity_fixtures import NAMES, YX, Fixture, converted, load

TOLERANCE = 2e-5  # of the largest magnitude, or of 1
MAPS = {
    "retinanet": {"endpoints": "endpoint", "class": "cls", "box": "box"},
    "mask_rcnn": {"endpoints": "endpoint", "class": "rpn_scores", "box": "rpn_boxes"},
}
REGIONAL = [name for name in NAMES if name.endswith("maskrcnn")]


def check(actual: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def regional(name: str) -> tuple[Fixture, MaskRCNN, dict[int, torch.Tensor]]:
    """A Mask R-CNN fixture, its detector and the endpoints of its image."""
    fixture, detector = load(name), converted(name)
    assert isinstance(detector, MaskRCNN)
    with torch.no_grad():
        return fixture, detector, detector.features(fixture.image)


def regions(array: np.ndarray) -> list[torch.Tensor]:
    return [torch.from_numpy(np.ascontiguousarray(array[0][:, YX]))]


def test_there_are_fixtures_of_both_sources_and_all_families() -> None:
    assert {"retinanet", "random", "mobile", "maskrcnn", "r50"} <= set(NAMES)
    assert {"tpu_retinanet", "tpu_mobile", "tpu_maskrcnn"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_maps_of_every_level(name: str) -> None:
    fixture, detector = load(name), converted(name)
    with torch.no_grad():
        raw = detector(fixture.image)
    for kind, prefix in MAPS[fixture.head].items():
        for level, x in raw[kind].items():
            actual = x.permute(0, 2, 3, 1).numpy()
            check(actual[:, 1::2] if level == 3 else actual, fixture.outputs[f"{prefix}_{level}"])


@pytest.mark.parametrize("name", NAMES)
def test_what_the_shapes_say_is_what_it_was_built_with(name: str) -> None:
    settings, detector = load(name).settings, converted(name)
    scaling = detector.scaling
    assert detector.classes == settings["num_classes"]
    assert (scaling.width, scaling.repeats) == (settings["width"], settings["repeats"])
    assert scaling.endpoints == (settings["decoder_width"] or settings["endpoints_width"])
    assert scaling.separable == settings["separable"]
    if detector.architecture.family == "spinenet":
        assert scaling.alpha == settings["alpha"]
    if detector.head_name == "retinanet":
        assert (scaling.head_depth, scaling.head_channels) == (settings["head_convs"], settings["head_width"])
    else:
        assert (scaling.head_depth, scaling.head_channels) == (settings["box_convs"], settings["box_width"])
        assert (scaling.mask_depth, scaling.fc_channels) == (settings["mask_convs"], settings["box_fc"])


@pytest.mark.parametrize("name", REGIONAL)
def test_proposals(name: str) -> None:
    fixture, detector, _ = regional(name)
    with torch.no_grad():
        raw = detector(fixture.image)
    (ours,) = detector.proposals(raw, raw["image_size"], ProposalSettings(limit=fixture.settings["num_proposals"]))
    (expected,) = regions(fixture.outputs["rois"])
    assert len(ours) > 10
    check(ours.numpy(), expected[: len(ours)].numpy())
    assert not expected[len(ours) :].any()


@pytest.mark.parametrize(("name", "prefix"), [("maskrcnn", ""), ("maskrcnn", "given_"), ("tpu_maskrcnn", "")])
def test_box_head_on_proposals_and_given_regions(name: str, prefix: str) -> None:
    fixture, detector, endpoints = regional(name)
    with torch.no_grad():
        logits, codes = detector.box_outputs(endpoints, regions(fixture.outputs[f"{prefix}rois"]))
    check(logits.numpy(), fixture.outputs[f"{prefix}class_outputs"][0])
    check(codes.numpy(), fixture.outputs[f"{prefix}box_outputs"][0])


def test_mask_head_on_given_regions() -> None:
    fixture, detector, endpoints = regional("maskrcnn")
    expected = fixture.outputs["given_mask_logits"][0]
    (rois,) = regions(fixture.outputs["given_rois"])
    labels = torch.from_numpy(fixture.outputs["given_classes"][0].astype(np.int64))
    with torch.no_grad():
        masks = detector.mask_outputs(endpoints, [rois[: len(expected)]], labels[: len(expected)])
    check(masks.numpy(), expected)


@pytest.mark.parametrize("name", REGIONAL)
def test_detections_with_masks(name: str) -> None:
    fixture, detector, endpoints = regional(name)
    settings = DetectionSettings(
        candidates=CONVENTIONS[detector.scaling.convention].roi_candidates,
        detections=fixture.settings["max_detections"],
    )
    size = (fixture.image.shape[2], fixture.image.shape[3])
    (found,) = detector.detections(endpoints, regions(fixture.outputs["rois"]), size, settings)
    expected = {key: value[0] for key, value in fixture.outputs.items() if key.startswith("detection_")}
    count = int((expected["detection_scores"] > 0).sum())
    assert count > 0
    assert found["labels"].tolist() == expected["detection_classes"][:count].tolist()
    check(found["scores"].numpy(), expected["detection_scores"][:count])
    check(found["boxes"].numpy()[:, YX], expected["detection_boxes"][:count])
    shown = min(count, len(expected["detection_masks"]))
    check(found["masks"].numpy()[:shown], expected["detection_masks"][:shown])


def test_the_wrong_activation_would_show() -> None:
    fixture = load("retinanet")
    with torch.no_grad():
        raw = fixture.convert(activation="swish")(fixture.image)
    actual = raw["class"][5].permute(0, 2, 3, 1).numpy()
    assert np.abs(actual - fixture.outputs["cls_5"]).max() > 0.01
