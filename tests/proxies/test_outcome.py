"""What is known of an evaluation, also where an error ended it."""

import pytest
import torch

import nas
from nas.detectors import PROXY
from proxies import outcome as module
from proxies.base import Budget, Measurement, Score
from proxies.outcome import Outcome
from tests.proxies.proxies_support import ARCHITECTURE
from tests.proxies.test_detection import Clock


def outcome() -> Outcome:
    return Outcome(torch.device("cpu"), Budget(image_size=64))


def test_what_was_filled_in_is_measured() -> None:
    one = outcome()

    def phases() -> None:
        with one.timed("evaluate"):
            one.score = Score("nwot", 5.0)

    measurement = one.filled_by(phases)
    expected = Measurement(ap=None, seconds=measurement.seconds, budget=Budget(image_size=64), score=Score("nwot", 5.0))
    assert measurement == expected
    assert set(measurement.seconds) == {"evaluate"}


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.OutOfMemoryError("CUDA out of memory.\nTried"), "out of memory in phase train: CUDA out of memory."),
        (RuntimeError("shapes differ"), "RuntimeError in phase train: shapes differ"),
    ],
)
def test_an_error_takes_ap_and_score_away_and_keeps_the_rest(error: Exception, sentence: str) -> None:
    one = outcome()

    def phases() -> None:
        one.ap, one.score, one.params = 0.5, Score("nwot", 5.0), 7
        with one.timed("train"):
            raise error

    measurement = one.filled_by(phases)
    assert (measurement.error, measurement.ap, measurement.score, measurement.params) == (sentence, None, None, 7)
    assert set(measurement.seconds) == {"train"}


@pytest.mark.parametrize("error", [torch.AcceleratorError("launch failure"), OSError("the disk went away")])
def test_what_is_not_the_architecture_s_fault_is_raised(error: Exception) -> None:
    def phases() -> None:
        raise error

    with pytest.raises(type(error)):
        outcome().filled_by(phases)


def test_the_seed_decides_the_weights_and_the_cost_is_noted() -> None:
    one = outcome()
    first, again, other = (one.build(ARCHITECTURE, PROXY, 4, seed) for seed in (0, 0, 1))
    weights = [next(network.parameters()) for network in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    cost = nas.cost(first, 64)
    assert (one.params, one.multiply_adds) == (cost.params_trainable, cost.multiply_adds)
    assert "build" in one.seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_a_phase_within_a_phase_counts_alone_and_phases_add_up(clock):
    found = outcome()
    for _ in range(2):
        with found.timed("evaluate"):
            clock.now += 1.0
            with found.timed("statistics"):
                clock.now += 10.0
                with found.timed("data"):
                    clock.now += 100.0
            assert found.phase == "evaluate"
    assert found.seconds == {"data": 200.0, "statistics": 20.0, "evaluate": 2.0}


def test_an_error_leaves_the_phase_that_it_came_in(clock):
    def fail():
        with found.timed("train"):
            clock.now += 2.0
            with found.timed("data"):
                clock.now += 3.0
                raise MemoryError

    found = outcome()
    with pytest.raises(MemoryError):
        fail()
    assert found.phase == "data"
    assert found.seconds == {"data": 3.0, "train": 2.0}


def test_every_wait_for_the_next_one_is_counted(clock):
    def slow():
        for number in range(3):
            clock.now += 5.0
            yield number

    found = outcome()
    assert list(found.reading(slow())) == [0, 1, 2]
    assert found.seconds == {"data": 15.0}
