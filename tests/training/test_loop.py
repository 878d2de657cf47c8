"""Training: it learns, stops at a loss that is not finite, and reads the same batches for the same seed."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import search_spaces
from nas.datasets.augment import AugmentSettings
from nas.datasets.dataset import DetectionData, reserve
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from nas.detectors import Detector, Scaling, build_detector
from nas.training import input as training_input
from nas.training.input import batches, read_ahead
from nas.training.loop import OptimiserSettings, train
from nas.training.schedule import Schedule
from search_spaces.errors import ConfigError

TINY = Scaling(width=0.125, alpha=0.25, endpoints=8, head_channels=8, head_depth=1, bn_momentum=0.1)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors are not worth sharing out."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DetectionData:
    return open_synthetic(SyntheticSettings(images=16), 32, tmp_path_factory.mktemp("cache"))


def tiny_detector(seed: int = 0) -> Detector:
    torch.manual_seed(seed)
    architecture = search_spaces.build("toy").sample(np.random.default_rng(0))
    return build_detector(architecture, TINY, classes=4)


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


def test_weight_decay_spares_biases_and_normalisation(data: DetectionData) -> None:
    detector = tiny_detector()
    before = {name: parameter.detach().clone() for name, parameter in detector.named_parameters()}
    frozen = [(torch.zeros(1, 3, 32, 32), [{"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}])]
    settings = OptimiserSettings(kind="adamw", weight_decay=0.5)
    for parameter in detector.parameters():
        parameter.register_hook(torch.zeros_like)
    train(detector, frozen, Schedule(0.1, 1), settings)
    for name, parameter in detector.named_parameters():
        factor = 0.95 if parameter.ndim > 1 else 1.0
        assert torch.allclose(parameter, before[name] * factor), name


def test_an_epoch_shows_every_image_once(data: DetectionData) -> None:
    train_images = reserve(data).train
    seen: list[int] = []
    original = training_input.read_batch

    def spy(data: DetectionData, indices: list[int], *rest: object) -> object:
        seen.extend(indices)
        return original(data, indices, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_input, "read_batch", spy)
        list(itertools.islice(stream(data, batch_size=5), 5))
    assert sorted(seen[:12]) == sorted(seen[12:24]) == list(train_images)
    assert seen[:12] != seen[12:24]


def test_reading_ahead_changes_nothing(data: DetectionData) -> None:
    rng = np.random.default_rng(0)
    items = [training_input.read_batch(data, [index], rng, AugmentSettings()) for index in range(7)]
    assert list(read_ahead(iter(items))) == items


@pytest.mark.parametrize(
    ("values", "pattern"),
    [
        ({"kind": "adam"}, "'adam'; allowed: sgd, adamw"),
        ({"momentum": 1.0}, "momentum is 1"),
        ({"weight_decay": -1.0}, "weight_decay is -1"),
        ({"clip_norm": 0.0}, "clip_norm is 0"),
        ({"ema_decay": 1.0}, "ema_decay is 1"),
    ],
)
def test_settings_out_of_range(values: dict[str, object], pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        OptimiserSettings(**values)  # type: ignore[arg-type]
