"""The training loop: it learns, stops at a loss that is not finite, and gives the same losses for the same seed."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nas.datasets.augment import AugmentSettings
from nas.datasets.dataset import DetectionData, reserve
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from nas.training.input import batches
from nas.training.loop import mean_of_last, train, train_in_stages
from nas.training.optimiser import OptimiserSettings
from nas.training.schedule import Schedule
from tests.training.training_support import tiny_detector


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DetectionData:
    return open_synthetic(SyntheticSettings(images=16), 32, tmp_path_factory.mktemp("cache"))


def stream(data: DetectionData, seed: int = 0, batch_size: int = 4) -> Iterator[Any]:
    return batches(data, reserve(data).train, batch_size, AugmentSettings(), seed)


@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_loss_falls(data: DetectionData, kind: str) -> None:
    rate = {"sgd": 0.02, "adamw": 0.003}[kind]
    result = train(tiny_detector(), stream(data), Schedule(rate, 40, warmup_steps=5), OptimiserSettings(kind=kind))
    assert not result.diverged
    assert len(result.losses) == 40
    assert np.mean(result.losses[-8:]) < 0.8 * np.mean(result.losses[:8])


def test_same_seed_same_losses(data: DetectionData) -> None:
    schedule = Schedule(0.01, 4)
    runs = [train(tiny_detector(), stream(data, seed), schedule, OptimiserSettings()).losses for seed in (0, 0, 1)]
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_loss_that_is_not_finite_ends_training(data: DetectionData) -> None:
    settings = OptimiserSettings(clip_norm=None)
    result = train(tiny_detector(), stream(data), Schedule(1e12, 60, kind="constant"), settings)
    assert result.diverged
    assert len(result.losses) <= 20


def test_moving_average_of_the_weights(data: DetectionData) -> None:
    plain, average = tiny_detector(), tiny_detector()
    start = [parameter.clone() for parameter in plain.parameters()]
    schedule = Schedule(0.01, 5)
    train(plain, stream(data), schedule, OptimiserSettings())
    train(average, stream(data), schedule, OptimiserSettings(ema_decay=0.9))
    moved, lagging = (
        sum(float((parameter.detach() - first).norm()) for parameter, first in zip(detector.parameters(), start))
        for detector in (plain, average)
    )
    assert 0 < lagging < moved


def test_training_ends_with_its_batches(data: DetectionData) -> None:
    few = list(itertools.islice(stream(data), 3))
    assert len(train(tiny_detector(), few, Schedule(0.01, 5), OptimiserSettings()).losses) == 3
    nothing = train(tiny_detector(), [], Schedule(0.01, 5), OptimiserSettings())
    assert (nothing.losses, nothing.diverged) == ((), False)


def test_a_mask_rcnn_learns_its_masks(data: DetectionData) -> None:
    detector = tiny_detector(head="mask_rcnn")
    source = batches(data, reserve(data).train, 4, AugmentSettings(), 0, masks=detector.needs_masks)
    fixed = next(source)
    before = float(detector.loss(detector(fixed[0]), fixed[1])["mask"])
    train(detector, source, Schedule(0.003, 40, warmup_steps=5), OptimiserSettings(kind="adamw"))
    after = float(detector.loss(detector(fixed[0]), fixed[1])["mask"])
    assert after < 0.95 * before


@pytest.mark.parametrize(("share", "mean"), [(0.1, 4.0), (0.5, 3.5), (1.0, 2.5), (0.0, 4.0)])
def test_mean_of_the_last_losses(share: float, mean: float) -> None:
    assert mean_of_last([1.0, 2.0, 3.0, 4.0], share) == mean


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_a_halted_training_goes_on_as_if_it_had_not_halted(data: DetectionData, ema_decay: float | None) -> None:
    settings, schedule = OptimiserSettings(kind="adamw", ema_decay=ema_decay), Schedule(0.01, 12)
    whole, halted = tiny_detector(), tiny_detector()
    losses = train(whole, stream(data), schedule, settings).losses
    stages = train_in_stages(halted, stream(data), schedule, settings, (5, 9))
    results, networks = zip(*stages)
    assert [result.losses for result in results] == [losses[:5], losses[:9], losses]
    assert networks[2] is halted
    states = [network.state_dict() for network in (whole, *networks)]
    assert [all(states[0][name].equal(other[name]) for name in states[0]) for other in states[1:]] == [
        False,
        False,
        True,
    ]
