"""The seconds of nested phases, and what an error leaves behind."""

import pytest
import torch

from proxies import outcome
from proxies.base import Budget
from proxies.outcome import Outcome
from tests.proxies.test_detection import Clock


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(outcome, "time", clock)
    return clock


def test_a_phase_within_a_phase_counts_alone_and_phases_add_up(clock):
    found = Outcome(Budget())
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

    found = Outcome(Budget())
    with pytest.raises(MemoryError):
        fail()
    assert found.phase == "data"
    assert found.seconds == {"data": 3.0, "train": 2.0}
    found.error = "out of memory"
    assert found.measurement(torch.device("cpu")).ap is None


def test_every_wait_for_the_next_one_is_counted(clock):
    def slow():
        for number in range(3):
            clock.now += 5.0
            yield number

    found = Outcome(Budget())
    assert list(found.reading(slow())) == [0, 1, 2]
    assert found.seconds == {"data": 15.0}
