"""What a worker does, without Ray around it."""

import json
import os
import socket

import pytest
import torch

from nas.engine.ray.worker import Evaluation, evaluator
from proxies.base import Measurement
from search_spaces.errors import DataError
from tests.engine.engine_support import ARCHITECTURE, Hashed, hashed_ap, no_proxy

CONFIG = {"architecture": ARCHITECTURE.to_json(), "seed": 7, "longer": 1.0}


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_trial_is_measured_and_comes_back_as_plain_values():
    answer = json.loads(json.dumps(Evaluation(Hashed, 1)(CONFIG)))
    measurement = Measurement.from_dict(json.loads(answer["measurement"]))
    assert measurement.ap == hashed_ap(ARCHITECTURE)
    assert measurement.worker == f"{socket.gethostname()}:{os.getpid()}"
    assert answer["started"] > 0


def test_the_proxy_is_built_once_and_gets_the_seed_and_the_threads(tmp_path):
    built = []

    def make_proxy():
        built.append(torch.get_num_threads())
        return Hashed(log=str(tmp_path / "log"))

    evaluation = Evaluation(make_proxy, 1)
    for _ in range(2):
        evaluation(CONFIG)
    assert built == [1]
    assert (tmp_path / "log").read_text() == "7\n7\n"


def test_a_proxy_that_cannot_be_built_is_an_answer():
    answer = Evaluation(no_proxy, 1)(CONFIG)
    assert answer == {"no_proxy": f"on {socket.gethostname()}: FileNotFoundError: the data set is not on this machine"}


def test_a_data_set_that_the_node_does_not_have_is_an_answer():
    class Elsewhere(Hashed):
        def prepare(self):
            raise DataError("data root /there is not a folder; set data.root.")

    answer = Evaluation(Elsewhere, 1)(CONFIG)
    assert answer == {"no_proxy": f"on {socket.gethostname()}: data root /there is not a folder; set data.root."}


def test_an_exception_of_the_proxy_passes_through():
    with pytest.raises(OSError, match="the disk of the data set"):
        Evaluation(lambda: Hashed(error=(7,)), 1)(CONFIG)


def test_a_worker_builds_what_evaluates_in_its_first_trial_and_keeps_it():
    worker = object.__new__(evaluator(Hashed, 1))
    assert worker.evaluation is None
    worker.config = CONFIG
    first = worker.step()
    assert first["done"] is True
    kept = worker.evaluation
    assert worker.reset_config({**CONFIG, "seed": 8}) is True
    worker.step()
    assert worker.evaluation is kept
