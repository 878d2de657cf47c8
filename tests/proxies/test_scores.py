"""Zero-cost scores: by hand on tiny networks, and what their definitions promise on random detectors."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import nas
import search_spaces
from nas.detectors import Network
from nas.detectors.layers import BatchNorm
from nas.training.step import Batch
from proxies.scores import JACOV_K, SCORES, grad_norm, jacov, nwot, params, synflow

SPACE = search_spaces.build("spinenet")
SCALING = nas.Scaling(width=0.125, alpha=0.25, endpoints=8, head_channels=8, head_depth=1)
SIDE = 64
IMAGES = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 3, SIDE, SIDE)).astype(np.float32))
TARGETS = [{"boxes": torch.tensor([[4.0, 8.0, 36.0, 50.0]]), "labels": torch.tensor([1])}] * 3


def detector(architecture: int, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    return nas.build_detector(SPACE.sample(np.random.default_rng(architecture)), SCALING, classes=4)


def batch(images: Tensor = IMAGES) -> Batch:
    return images.clone(), TARGETS[: len(images)]


class Tiny(nn.Module):
    """Two 1x1 convolutions [1, 3] and [1, 1] with batch normalisation between them; its loss is the class output."""

    def __init__(self, first: list[float], second: float, normalised: bool = False) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.tensor(first).view(1, 3, 1, 1))
        self.second = nn.Parameter(torch.tensor(second).view(1, 1, 1, 1))
        self.norm = BatchNorm(1, nas.Scaling(bn_epsilon=1e-3, bn_momentum=0.1)) if normalised else nn.Identity()

    def features(self, images: Tensor) -> dict[int, Tensor]:
        return {3: self.norm(torch.conv2d(images, self.first)).relu_()}

    def forward(self, images: Tensor) -> dict[str, dict[int, Tensor]]:
        return {"class": {3: torch.conv2d(self.features(images)[3], self.second)}, "box": {}}

    def loss(self, raw: dict[str, dict[int, Tensor]], targets: object) -> dict[str, Tensor]:
        return {"class": raw["class"][3].sum()}


@pytest.mark.parametrize("normalised", [False, True], ids=["plain", "with batch normalisation"])
def test_synflow_by_hand(normalised: bool) -> None:
    """R = (1 + 2 + 3) * 4 at each of 4 positions; each layer's flow is R, so the sum is 2 R."""
    assert synflow(Tiny([1.0, -2.0, 3.0], -4.0, normalised), (IMAGES[:, :, :2, :2], [])) == pytest.approx(
        math.log(2 * 6 * 4 * 4), rel=1e-9
    )


def test_synflow_sees_no_image_and_no_sign() -> None:
    network = detector(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.neg_()
    assert synflow(network, batch()) == pytest.approx(synflow(detector(0), batch(-5 * IMAGES)), rel=1e-12)


def test_synflow_beyond_float64_is_not_finite() -> None:
    assert synflow(Tiny([1e30, 0.0, 0.0], 1e30), batch()) < math.inf, "float32 would overflow"
    network = detector(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1e20)
    assert not math.isfinite(synflow(network, batch()))


def test_synflow_grows_with_the_logarithm_of_the_last_kernels() -> None:
    """Every path from the image to a prediction has one of them, so all flow is proportional to them."""
    scaled = detector(0)
    with torch.no_grad():
        for predictor in (scaled.head.class_predictor, scaled.head.box_predictor):
            predictor.weight.mul_(1000.0)
    assert synflow(scaled, batch()) == pytest.approx(synflow(detector(0), batch()) + math.log(1000.0), rel=1e-9)


def test_grad_norm_by_hand() -> None:
    """One image, one position: d/d first = 4 * image where the ReLU is active, d/d second = its output."""
    image = torch.tensor([3.0, 0.0, 4.0]).view(1, 3, 1, 1)
    assert grad_norm(Tiny([1.0, 1.0, 1.0], 4.0), (image, [])) == pytest.approx(4 * 5 + 7)


def test_nwot_by_hand() -> None:
    """Codes 110 and 100 agree on two units of three: log det [[3, 2], [2, 3]]."""
    images = torch.zeros(2, 3, 1, 3)
    images[:, 0, 0] = torch.tensor([[1.0, 2.0, -1.0], [5.0, -1.0, -2.0]])
    assert nwot(Tiny([1.0, 0.0, 0.0], 1.0), (images, [])) == pytest.approx(math.log(9 - 4))


def test_nwot_of_equal_images_is_degenerate() -> None:
    assert nwot(detector(0), batch(IMAGES[:1].expand(3, -1, -1, -1))) == -math.inf
    assert nwot(detector(0), batch(IMAGES[[0, 1, 0]])) == -math.inf


def test_nwot_does_not_depend_on_the_order_of_the_images() -> None:
    assert nwot(detector(0), batch(IMAGES.flip(0))) == pytest.approx(nwot(detector(0), batch()), rel=1e-4)


def test_jacov_of_a_network_that_treats_all_images_alike_by_hand() -> None:
    """Equal Jacobians: one eigenvalue is the number of images, the others are 0."""
    images, count = IMAGES.abs(), len(IMAGES)
    expected = -(math.log(count + JACOV_K) + 1 / (count + JACOV_K))
    expected -= (count - 1) * (math.log(JACOV_K) + 1 / JACOV_K)
    assert jacov(Tiny([1.0, 2.0, 3.0], 1.0), batch(images)) == pytest.approx(expected, rel=1e-6)


def test_jacov_is_best_where_the_images_have_nothing_in_common() -> None:
    most = -len(IMAGES) * (math.log(1 + JACOV_K) + 1 / (1 + JACOV_K))
    assert jacov(detector(0), batch()) < most
    assert jacov(detector(0), batch()) > jacov(detector(0), batch(IMAGES[[0, 0, 1]]))


def test_jacov_does_not_depend_on_the_scale_of_the_predictions() -> None:
    scaled = detector(0)
    with torch.no_grad():
        for predictor in (scaled.head.class_predictor, scaled.head.box_predictor):
            predictor.weight.mul_(1000.0)
    assert jacov(scaled, batch()) == pytest.approx(jacov(detector(0), batch()), rel=1e-4)


def test_jacov_of_a_network_that_sees_nothing_is_no_number() -> None:
    assert math.isnan(jacov(Tiny([0.0, 0.0, 0.0], 1.0), batch()))


def test_parameters_and_multiply_adds_are_those_of_the_cost() -> None:
    cost = nas.cost(detector(3), SIDE)
    assert params(detector(3), batch()) == cost.params_trainable
    assert SCORES["multiply_adds"].compute(detector(3), batch()) == cost.multiply_adds


@pytest.mark.parametrize("name", SCORES)
@settings(max_examples=5, deadline=None)
@given(architecture=st.integers(0, 2**32 - 1), seed=st.integers(0, 2**31))
def test_scores_of_random_architectures_are_finite_and_the_same_again(name: str, architecture: int, seed: int) -> None:
    compute: Callable[[Network, Batch], float] = SCORES[name].compute
    first = compute(detector(architecture, seed), batch())
    assert math.isfinite(first)
    assert compute(detector(architecture, seed), batch()) == first


@pytest.mark.parametrize("name", ["nwot", "jacov", "synflow", "grad_norm"])
def test_scores_tell_weights_and_architectures_apart(name: str) -> None:
    compute = SCORES[name].compute
    found = {compute(detector(architecture, seed), batch()) for architecture in (0, 1) for seed in (0, 1)}
    assert len(found) == 4
