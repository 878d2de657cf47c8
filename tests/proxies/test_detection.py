"""The detection proxy: a measurement for every architecture, an error sentence where training fails."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import proxies
import search_spaces
from nas.datasets.augment import AugmentSettings, read_images
from nas.detectors import PROXY
from nas.evaluation import METRICS, evaluate
from nas.training.input import batches
from nas.training.loop import train_in_stages
from nas.training.optimiser import OptimiserSettings
from proxies import detection, outcome
from proxies.base import Measurement
from proxies.detection import DetectionProxy
from search_spaces.errors import ConfigError, DataError
from tests.proxies.proxies_support import ARCHITECTURE, TINY, tiny


def tiny_proxy(cache: Path, **changes: Any) -> DetectionProxy:
    proxy = tiny("detection", cache, **{"steps": 3, "learning_rate": 0.01, **changes})
    assert isinstance(proxy, DetectionProxy)
    return proxy


def test_measurement_is_complete_and_the_same_for_a_seed(cache: Path) -> None:
    proxy = tiny_proxy(cache)
    proxy.prepare()
    one, two = proxy.evaluate(ARCHITECTURE, seed=3), proxy.evaluate(ARCHITECTURE, seed=3)
    assert one.error is None
    assert one.ap == one.metrics["ap"] == two.ap
    assert one.ap is not None
    assert 0 <= one.ap <= 1
    assert set(one.metrics) == {*METRICS, "train_loss"}
    assert set(one.seconds) == {"build", "data", "train", "evaluate"}
    assert one.params > 0
    assert one.multiply_adds > 0
    assert (one.budget.image_size, one.budget.batch_size, one.budget.steps) == (32, 4, 3)
    assert (one.budget.train_images, one.budget.eval_images) == (12, 4)
    assert one.device == "cpu"
    assert one.worker == "", "the engine names the worker"
    assert Measurement.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_statistics_are_estimated_anew_and_compared(cache: Path) -> None:
    learning = {"steps": 60, "learning_rate": 0.01, "optimiser": {"kind": "adamw", "clip_norm": 1.0}}
    running = tiny_proxy(cache, **learning).evaluate(ARCHITECTURE, seed=3)
    both = tiny_proxy(cache, **learning, statistics_images=8, compare_statistics=True).evaluate(ARCHITECTURE, seed=3)
    assert both.metrics["ap_running_statistics"] == running.ap
    assert [both.metrics[name] for name in METRICS] != [running.metrics[name] for name in METRICS]
    assert both.metrics["train_loss"] == running.metrics["train_loss"]


class Clock:
    """A clock that stands still but for what is said to take time."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def delayed(self, function: Any, seconds: float) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            self.now += seconds
            return function(*arguments, **options)

        return call


def test_the_wait_for_images_is_a_phase_of_its_own(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    slow_read = clock.delayed(read_images, 5.0)

    def slow_batches(*arguments: Any, **options: Any) -> Iterator[Any]:
        for batch in batches(*arguments, **options):
            clock.now += 3.0
            yield batch

    monkeypatch.setattr(outcome, "time", clock)
    monkeypatch.setattr(detection, "batches", slow_batches)
    monkeypatch.setattr(detection, "read_images", slow_read)
    monkeypatch.setattr(outcome, "build_detector", clock.delayed(outcome.build_detector, 1.0))
    for name, delay in (("train_in_stages", 100.0), ("evaluate", 20.0)):
        monkeypatch.setattr(detection, name, clock.delayed(getattr(detection, name), delay))
    seconds = tiny_proxy(cache, eval_batch_size=2).evaluate(ARCHITECTURE, seed=0).seconds
    assert seconds == {"build": 1.0, "data": 3 * 3.0 + 2 * 5.0, "train": 100.0, "evaluate": 20.0}
    assert sum(seconds.values()) == clock.now


def test_a_loss_that_is_not_finite_is_a_measurement(cache: Path) -> None:
    proxy = tiny_proxy(cache, steps=30, learning_rate=1e12, optimiser={"clip_norm": None}, schedule="constant")
    result = proxy.evaluate(ARCHITECTURE, seed=0)
    assert result.diverged
    assert result.ap is None
    assert "not finite" in str(result.error)
    assert proxies.reward(result) is None
    assert "evaluate" not in result.seconds


@pytest.mark.parametrize(
    ("error", "pattern"),
    [
        (torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"), "out of memory in phase train: CUDA out"),
        (MemoryError(), "out of memory in phase train: no message"),
        (RuntimeError("shapes differ"), "RuntimeError in phase train: shapes differ"),
    ],
)
def test_errors_in_training_are_measurements(
    cache: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, pattern: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(detection, "train_in_stages", fail)
    result = tiny_proxy(cache).evaluate(ARCHITECTURE, seed=0)
    assert result.ap is None
    assert not result.diverged
    assert pattern in str(result.error)
    assert result.params > 0


@pytest.mark.parametrize("ap", [-1.0, float("nan"), float("inf")])
def test_an_ap_that_was_not_measured_is_a_failed_measurement(
    cache: Path, monkeypatch: pytest.MonkeyPatch, ap: float
) -> None:
    monkeypatch.setattr(detection, "evaluate", lambda *_, **__: dict.fromkeys(METRICS, ap))
    result = tiny_proxy(cache).evaluate(ARCHITECTURE, seed=0)
    assert result.ap is None
    assert proxies.reward(result) is None
    assert result.error == (
        f"AP could not be measured: the evaluation gave {ap:g} for the 4 reserved images, as it does when none of "
        f"their objects counts"
    )
    assert result.seconds.keys() == {"build", "data", "train", "evaluate"}


def test_a_device_that_failed_raises(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.AcceleratorError("unspecified launch failure")

    monkeypatch.setattr(detection, "train_in_stages", fail)
    with pytest.raises(torch.AcceleratorError):
        tiny_proxy(cache).evaluate(ARCHITECTURE, seed=0)


def test_a_rehearsal_extrapolates_from_a_few_steps_and_images(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes 1 s, detecting in an image 10 s, reading one 0.5 s, building 3 s."""
    clock = Clock()

    def slow_batches(*arguments: Any, **options: Any) -> Iterator[Any]:
        for batch in batches(*arguments, **options):
            clock.now += 0.5 * len(batch[0])
            yield batch

    def slow_read(data: Any, indices: Any, device: Any) -> torch.Tensor:
        clock.now += 0.5 * len(indices)
        return read_images(data, indices, device)

    def slow_train(network: Any, stream: Any, schedule: Any, settings: Any, rungs: Any) -> Any:
        clock.now += schedule.steps
        return train_in_stages(network, stream, schedule, settings, rungs)

    def slow_evaluate(detector: Any, data: Any, indices: Any, *rest: Any, **options: Any) -> dict[str, float]:
        clock.now += 10.0 * len(indices)
        return evaluate(detector, data, indices, *rest, **options)

    monkeypatch.setattr(outcome, "time", clock)
    monkeypatch.setattr(detection, "TIMED_BATCHES", 2)
    monkeypatch.setattr(outcome, "build_detector", clock.delayed(outcome.build_detector, 3.0))
    for name, slow in (
        ("batches", slow_batches),
        ("read_images", slow_read),
        ("train_in_stages", slow_train),
        ("evaluate", slow_evaluate),
    ):
        monkeypatch.setattr(detection, name, slow)
    proxy = tiny_proxy(cache, steps=70, eval_batch_size=1)
    rehearsal = proxy.rehearse(ARCHITECTURE, seed=0)
    whole = {"build": 3.0, "data": 0.5 * (70 * 4 + 4), "train": 70.0, "evaluate": 40.0}
    assert rehearsal.measurement.seconds == pytest.approx(whole)
    assert (rehearsal.measurement.budget.steps, rehearsal.measurement.budget.eval_images) == (70, 4)
    assert rehearsal.how == "extrapolated from 20 of 70 training steps and from detecting in 2 of 4 images"
    assert clock.now < sum(whole.values())
    assert proxy.evaluate(ARCHITECTURE, seed=0).seconds == pytest.approx(whole)


def test_the_size_of_the_cache_is_that_of_its_images(cache: Path) -> None:
    assert tiny_proxy(cache).cache_bytes() == 16 * 3 * 32 * 32
    assert max(file.stat().st_size for file in cache.rglob("images.npy")) == pytest.approx(16 * 3 * 32 * 32, abs=128)


def same_but_for_time(measurement: Measurement) -> dict[str, Any]:
    return replace(measurement, seconds={}, rungs={}).to_dict()


def disturbing(detector: Any, *_: object, **__: object) -> dict[str, float]:
    """An evaluation that draws random numbers and spoils the network that it is given."""
    ap = float(torch.stack([parameter.detach().abs().mean() for parameter in detector.parameters()]).mean())
    torch.randn(7)
    for tensor in detector.state_dict().values():
        tensor.zero_()
    detector.eval()
    return dict.fromkeys(METRICS, ap)


@pytest.mark.parametrize("ema_decay", [0.9, None])
@pytest.mark.parametrize("real", [True, False])
def test_the_last_stage_is_what_evaluate_measures(
    cache: Path, monkeypatch: pytest.MonkeyPatch, ema_decay: float | None, real: bool
) -> None:
    """Halts disturb nothing: weights, statistics, their average, the mode, the random numbers of stochastic depth."""
    if not real:
        monkeypatch.setattr(detection, "evaluate", disturbing)
    scaling, optimiser = {**TINY["scaling"], "stochastic_depth": 0.5}, {"kind": "adamw", "ema_decay": ema_decay}
    proxy = tiny_proxy(cache, steps=13, scaling=scaling, optimiser=optimiser, statistics_images=8)
    whole = proxy.evaluate(ARCHITECTURE, seed=1)
    first, second, last = proxy.stages(ARCHITECTURE, 1, (3, 11))
    assert same_but_for_time(last) == same_but_for_time(whole)
    assert (first.budget.steps, second.budget.steps, last.budget.steps) == (3, 11, 13)
    assert (first.rungs, last.rungs) == ({3: first.ap}, {3: first.ap, 11: second.ap})
    assert last.rungs == second.rungs
    assert last.seconds.keys() == whole.seconds.keys()
    assert first.seconds["train"] < second.seconds["train"] < last.seconds["train"]
    assert proxy.training_steps() == 13
    assert Measurement.from_dict(json.loads(json.dumps(last.to_dict()))) == last
    if not real:
        assert len({first.ap, second.ap, last.ap}) == 3


def test_a_stage_measures_the_weights_that_a_training_halted_there_would_have(cache: Path) -> None:
    settings = {"schedule": "constant", "optimiser": {"ema_decay": 0.9}}
    halted = next(tiny_proxy(cache, steps=13, **settings).stages(ARCHITECTURE, 1, (5,)))
    short = tiny_proxy(cache, steps=5, **settings).evaluate(ARCHITECTURE, seed=1)
    assert same_but_for_time(halted) == same_but_for_time(short)


def test_a_loss_that_is_not_finite_ends_the_stages(cache: Path) -> None:
    proxy = tiny_proxy(cache, steps=30, learning_rate=1e12, optimiser={"clip_norm": None}, schedule="constant")
    (only,) = proxy.stages(ARCHITECTURE, 0, (20, 25))
    assert only.diverged
    assert (only.ap, only.rungs) == (None, {})


def test_data_is_opened_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tiny_proxy(cache).open() is tiny_proxy(cache, steps=9).open()
    assert len(tiny_proxy(cache).fingerprint()) == 16
    assert tiny_proxy(cache).fingerprint() != tiny_proxy(cache, image_size=40).fingerprint()


def test_epochs_become_steps(cache: Path) -> None:
    result = tiny_proxy(cache, steps=None, epochs=1.4).evaluate(ARCHITECTURE, seed=0)
    assert result.budget.steps == round(1.4 * 12 / 4)


def test_broken_data_is_said_in_the_driver(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        tiny_proxy(tmp_path, data={"kind": "coco", "root": str(tmp_path / "nowhere")}).prepare()


def test_nested_settings_change_what_they_name(cache: Path) -> None:
    settings = tiny_proxy(cache, optimiser={"kind": "adamw"}, augment={"flip": 0.0}).settings
    assert settings.scaling == replace(PROXY, width=0.125, endpoints=8, head_channels=8, head_depth=1)
    assert settings.optimiser == OptimiserSettings(kind="adamw")
    assert settings.augment == AugmentSettings(flip=0.0)


def test_what_the_machine_made_of_open_settings_is_plain() -> None:
    resolved = proxies.build("detection", device="cpu", steps=7).resolved()
    assert resolved == {"image_size": 96, "batch_size": 8, "steps": 7, "learning_rate": 0.003, "device": "cpu"}


@pytest.mark.parametrize(
    ("settings", "pattern"),
    [
        ({"step": 5}, r"'step' \(did you mean 'steps'\?\)"),
        ({"steps": 0}, r"^proxy\.steps is 0; it must be at least 1"),
        ({"steps": 5, "epochs": 1}, r"^proxy\.steps is 5 and epochs is 1; one of them must be null"),
        ({"reserve_seed": -1}, r"^proxy\.reserve_seed is -1"),
        ({"device": "gpu7"}, r"^proxy\.device is 'gpu7'; it must be auto, cpu, cuda"),
        ({"schedule": "linear"}, r"^proxy\.schedule is 'linear'; it must be one of"),
        ({"scaling": {"widht": 1}}, r"proxy\.scaling setting 'widht' \(did you mean 'width'\?\)"),
        ({"optimiser": {"momentum": 2}}, r"^proxy\.optimiser\.momentum is 2"),
        ({"augment": {"flip": 2}}, r"^proxy\.augment\.flip is 2"),
        ({"detection": {"nms": 0.5}}, r"proxy\.detection setting 'nms'"),
        ({"image_size": "big"}, "it must be an integer or null"),
    ],
)
def test_settings_are_checked_when_built(settings: dict[str, Any], pattern: str) -> None:
    with pytest.raises(ConfigError, match=pattern):
        proxies.build("detection", **settings)


def test_unknown_proxy() -> None:
    with pytest.raises(
        ConfigError,
        match=r"'detektion' \(did you mean 'detection'\?\); there are: detection, loss, synthetic, zero_cost",
    ):
        proxies.build("detektion")


def test_longer_training_is_more_steps_or_epochs_of_the_same_data(cache: Path) -> None:
    proxy = tiny_proxy(cache)
    longer = proxy.longer(1.5)
    assert (proxy.longer(1.0), longer.settings.steps) == (proxy, 4)
    assert longer.open() is proxy.open()
    assert longer.evaluate(ARCHITECTURE, seed=1).budget.steps == 4
    assert tiny_proxy(cache, steps=None, epochs=2).longer(2.5).settings.epochs == 5.0


def test_what_it_cannot_build_is_refused_without_training(cache: Path) -> None:
    tiny_proxy(cache).check(search_spaces.load("r50-fpn"))
    with pytest.raises(ConfigError):
        tiny_proxy(cache, image_size=40).check(search_spaces.load("r50-fpn"))
