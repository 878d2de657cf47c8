"""The compiled detector: shapes, merge edges, relabelling, training."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import search_spaces
from nas.detectors import PROXY, Detector, Scaling, build_detector
from nas.detectors.sizes import feature_size

SPACE = search_spaces.build("spinenet")
SMALL = dataclasses.replace(PROXY, endpoints=16, head_channels=16, head_depth=1)
seeds = st.integers(0, 2**32 - 1)
TARGETS = [
    {"boxes": torch.tensor([[10.0, 12, 60, 70], [40, 40, 52, 49]]), "labels": torch.tensor([1, 3])},
    {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)},
]


@pytest.mark.parametrize("image_size", [(128, 128), (96, 96), (100, 164)])
@settings(max_examples=8, deadline=None)
@given(seed=seeds)
def test_random_architectures_train(image_size: tuple[int, int], seed: int) -> None:
    architecture = SPACE.sample(np.random.default_rng(seed))
    detector = build_detector(architecture, SMALL, classes=4)
    raw = detector(torch.randn(2, 3, *image_size))
    for name, channels in (("class", 9 * 4), ("box", 9 * 4), ("endpoints", 16)):
        expected = {level: (2, channels, *feature_size(image_size, level)) for level in range(3, 8)}
        assert {level: tuple(x.shape) for level, x in raw[name].items()} == expected
    sum(detector.loss(raw, TARGETS).values()).backward()
    used = {f"groups.{index}." for index in architecture.live_nodes}
    for name, parameter in detector.backbone.named_parameters():
        dead_end = name.startswith("groups.1.") and parameter.grad is None
        assert dead_end or torch.isfinite(parameter.grad).all(), name
        assert not name.startswith("groups.") or any(name.startswith(prefix) for prefix in used)


@pytest.mark.parametrize(("activation", "sd"), [("swish", 0.2), ("relu", 0.2)])
def test_swish_and_stochastic_depth_train(activation: str, sd: float) -> None:
    scaling = dataclasses.replace(SMALL, activation=activation, stochastic_depth=sd, repeats=2)
    detector = build_detector("spinenet-49", scaling, classes=4)
    sum(detector.loss(detector(torch.randn(2, 3, 96, 96)), TARGETS).values()).backward()
    rates = [group[0].drop_rate for group in detector.backbone.groups.values()]
    assert rates == pytest.approx([0, 0, *(sd * (position + 1) / 15 for position in range(15))])


def test_levels_on_a_canvas_compute_what_single_levels_do() -> None:
    detector = build_detector(
        "spinenet-49", Scaling(width=0.25, endpoints=8, head_channels=12, head_depth=2), classes=3
    )
    endpoints = {level: torch.randn(2, 8, *feature_size((128, 96), level)) for level in range(3, 8)}
    reference = copy.deepcopy(detector.head)
    found = detector.head(endpoints)
    towers = (reference.class_tower, reference.box_tower)
    for tower, predictor, outputs in zip(towers, (reference.class_predictor, reference.box_predictor), found):
        for at, (level, x) in enumerate(endpoints.items()):
            for convolution, norms in zip(tower.convolutions, tower.norms):
                x = norms[at](convolution(x)).relu()
            torch.testing.assert_close(outputs[level], predictor(x), atol=1e-6, rtol=1e-3)


def test_training_on_one_image_lowers_the_loss() -> None:
    torch.manual_seed(0)
    detector = build_detector("spinenet-49", SMALL, classes=4)
    images = torch.zeros(1, 3, 96, 96)
    images[:, :, 12:70, 10:60] = 1
    optimiser = torch.optim.Adam(detector.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        optimiser.zero_grad()
        loss = sum(detector.loss(detector(images), TARGETS[:1]).values())
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_an_untrained_detector_predicts_the_prior() -> None:
    torch.manual_seed(0)
    detector = build_detector("spinenet-49", SMALL, classes=4).eval()
    raw = detector(torch.randn(1, 3, 128, 128))
    assert raw["class"][3].sigmoid().mean().item() == pytest.approx(0.01, rel=0.02)
    assert raw["box"][3].abs().max() < 0.01


def test_detections_have_boxes_scores_and_labels() -> None:
    torch.manual_seed(0)
    detector = build_detector("spinenet-49", SMALL, classes=4).eval()
    nn.init.constant_(detector.head.class_predictor.bias, 1.0)
    found = detector.detect(torch.randn(2, 3, 96, 128))
    assert len(found) == 2
    for image in found:
        assert image["boxes"].shape == (100, 4)
        assert image["scores"].diff().max() <= 0
        assert set(image["labels"].tolist()) <= {1, 2, 3}
        assert (image["boxes"] >= 0).all()
        assert (image["boxes"] <= torch.tensor([128.0, 96, 128, 96])).all()


def test_a_detector_carries_what_it_was_built_from() -> None:
    architecture = SPACE.sample(np.random.default_rng(5))
    detector = build_detector(architecture, SMALL, classes=7)
    assert isinstance(detector, Detector)
    assert (detector.architecture, detector.scaling, detector.classes) == (architecture, SMALL.resolved("retinanet"), 7)
    twin = build_detector(architecture, SMALL, classes=7)
    twin.load_state_dict(detector.state_dict())
    images = torch.randn(1, 3, 128, 128)
    torch.testing.assert_close(twin.eval()(images)["class"][5], detector.eval()(images)["class"][5])
