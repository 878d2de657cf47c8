"""A training is the same whether it was ended on the way or not, ends when it should, and keeps what is best."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import distributed

from nas.datasets.dataset import DetectionData
from nas.detectors import load_detector, read_trained_on
from nas.training import trainer as module
from nas.training.checkpoint import has_state, read_progress, read_state
from nas.training.dropblock import DropBlockSettings
from nas.training.optimiser import OptimiserSettings
from nas.training.protocol import Protocol
from nas.training.ranks import Ranks
from nas.training.setup import Stepped, Validated
from nas.training.trainer import BEST, LAST
from search_spaces.errors import FileError, TrainingError
from tests.training.trainer_support import in_two_processes, longer, make_trainer, open_tiny


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return open_tiny(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A training of six steps and two validations, with its events."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, list(make_trainer(data, folder, longer(6)).run())


def same_end(one: Path, other: Path) -> bool:
    states = [read_state(folder) for folder in (one, other)]
    assert states[0].tensors.keys() == states[1].tensors.keys()
    equal = all(states[0].tensors[name].equal(states[1].tensors[name]) for name in states[0].tensors)
    facts = [(s.progress.step, s.progress.best, s.progress.best_step, s.progress.over) for s in states]
    files = [{name: load_file(folder / name) for name in (BEST, LAST)} for folder in (one, other)]
    equal &= all(files[0][name][key].equal(files[1][name][key]) for name in files[0] for key in files[0][name])
    return equal and facts[0] == facts[1]


def test_a_training_leaves_weights_that_load(whole, data):
    folder, events = whole
    steps = [event for event in events if isinstance(event, Stepped)]
    checks = [event for event in events if isinstance(event, Validated)]
    assert [event.progress.step for event in steps] == [1, 2, 3, 4, 5, 6]
    assert [event.progress.step for event in checks] == [3, 6]
    assert set(steps[0].losses) == {"class", "box"}
    assert steps[0].learning_rate < steps[2].learning_rate == pytest.approx(0.01)
    assert read_progress(folder).over == "all 6 steps are made"
    detector = load_detector(folder / BEST)
    assert detector.classes == 4
    assert read_trained_on(folder / LAST).class_names == data.class_names
    averages = read_state(folder).tensors
    assert averages["average.n_averaged"] == 6
    assert not averages["average.module.kernels"].equal(averages["weights.kernels"])


@pytest.mark.parametrize("stop", [1, 3, 4, 5])
def test_a_training_that_was_ended_goes_on_to_the_same_end(data, whole, tmp_path, stop):
    events = make_trainer(data, tmp_path, longer(6)).run()
    for _ in range(stop):
        next(events)
    events.close()
    list(make_trainer(data, tmp_path, longer(6), resume=True).run())
    assert same_end(tmp_path, whole[0])


def test_ctrl_c_in_the_middle_of_a_step_or_validation_loses_that_alone(data, whole, tmp_path, monkeypatch):
    for number, name in enumerate(("gather_gradients", "save_detector")):
        with monkeypatch.context() as patch:
            trainer = make_trainer(data, tmp_path, longer(6), resume=number > 0)
            calls, original = [0], getattr(module, name)

            def interrupted(*args, calls=calls, original=original):
                calls[0] += 1
                if calls[0] == 2:
                    args[0].network(torch.randn(2, 3, 32, 32)) if hasattr(args[0], "network") else None
                    raise KeyboardInterrupt
                return original(*args)

            patch.setattr(module, name, interrupted)
            with pytest.raises(KeyboardInterrupt):
                list(trainer.run())
    list(make_trainer(data, tmp_path, longer(6), resume=True).run())
    assert same_end(tmp_path, whole[0])


def run_until_killed(data, folder: Path, resume: bool, steps: int, seconds: float) -> None:
    """Train in a process of its own that is killed so long after so many steps of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        for _ in make_trainer(data, folder, longer(6), resume=resume, minutes=0.0).run():
            os.write(writing, b".")
        os._exit(0)
    os.close(writing)
    for _ in range(steps):
        os.read(reading, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reading)


def test_sigkill_at_random_moments(data, whole, tmp_path):
    """A checkpoint after every step; each process is killed a random moment after its first or second step."""
    rng = np.random.default_rng(0)
    for attempt in range(4):
        run_until_killed(data, tmp_path, has_state(tmp_path), 1 + attempt % 2, 0.1 * float(rng.random()))
    list(make_trainer(data, tmp_path, longer(6), resume=has_state(tmp_path)).run())
    assert same_end(tmp_path, whole[0])


def test_validations_without_gain_end_it(data, tmp_path):
    protocol = longer(40, validations=20, learning_rate=1e-9, optimiser=OptimiserSettings("sgd"))
    list(make_trainer(data, tmp_path, protocol, patience=2).run())
    progress = read_progress(tmp_path)
    assert progress.over == "the last 2 validations brought no gain"
    assert (progress.without_gain, progress.step < 40) == (2, True)


def test_hours_end_it_in_time_with_a_decayed_rate(data, tmp_path):
    started = time.monotonic()
    events = list(make_trainer(data, tmp_path, longer(100_000, schedule="cosine"), hours=3 / 3600).run())
    assert time.monotonic() - started < 12
    steps = [event for event in events if isinstance(event, Stepped)]
    assert steps[-1].learning_rate < 0.5 * max(event.learning_rate for event in steps)
    progress = read_progress(tmp_path)
    assert progress.plan.steps == len(steps) < 100_000
    assert progress.over == f"all {len(steps)} steps are made, as many as {3 / 3600:g} hours allow"


def test_a_limit_that_is_taken_away_leaves_the_length_of_the_protocol(data, tmp_path):
    events = make_trainer(data, tmp_path, longer(10, validations=1), hours=1e-6).run()
    for _ in range(5):
        next(events)  # five steps, after which the length is decided
    next(events)
    events.close()
    assert read_progress(tmp_path).plan.steps == 6
    list(make_trainer(data, tmp_path, longer(10, validations=1), resume=True).run())
    assert read_progress(tmp_path).over == "all 10 steps are made"


def test_a_loss_that_is_not_finite_names_step_images_and_state(data, tmp_path):
    protocol = longer(60, learning_rate=1e12, optimiser=OptimiserSettings("sgd", clip_norm=None))
    sentence = (
        r"the loss of step \d+ is not finite \(class .*, box .*\); its images are image \d+, .*; "
        r"(there is no state|the state after step \d+ is in .*state)\. Look at the images, or take a lower"
    )
    with pytest.raises(TrainingError, match=sentence):
        list(make_trainer(data, tmp_path, protocol).run())


def test_a_full_disk_leaves_the_last_state_and_says_so(data, tmp_path, monkeypatch, caplog):
    events = make_trainer(data, tmp_path, longer(6)).run()
    for _ in range(4):
        next(events)  # three steps, a validation
    next(events)  # its state is written by now
    kept = read_state(tmp_path)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nas.training.checkpoint.save_file", full)
    with pytest.raises(FileError, match=r"state of the training cannot be written to .*: No space left on device"):
        list(events)
    assert "The training goes on, and what was written before is whole." in caplog.text
    assert read_state(tmp_path).progress == kept.progress


def train_together(ranks: Ranks, data: DetectionData, folder: Path, protocol: Protocol) -> None:
    list(make_trainer(data, folder, protocol, part=4, ranks=ranks).run())


@pytest.mark.skipif(not distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_train_as_one_does(data, tmp_path):
    """Batch norm, losses and gradients are those of the whole batch; only the first process writes."""
    protocol = longer(3, validations=1, optimiser=OptimiserSettings("sgd"), dropblock=DropBlockSettings())
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    list(make_trainer(data, tmp_path / "one", protocol, part=4).run())
    in_two_processes(train_together, data, tmp_path / "two", protocol)
    one, two = (read_state(tmp_path / name).tensors for name in ("one", "two"))
    for name in one:
        torch.testing.assert_close(two[name], one[name], rtol=1e-3, atol=2e-4)
