"""What a worker does, without Ray around it."""

import json
import os
import socket
from functools import partial

import pytest
import torch

from nas.engine.ray.worker import Evaluation, evaluator
from nas.engine.stages import Work
from proxies.base import Measurement
from proxies.reward import FullSize, Reward, RewardSettings
from search_spaces.errors import DataError
from tests.engine.engine_support import ARCHITECTURE, Hashed, Scored, Staged, hashed_ap, no_proxy

CONFIG = Work(ARCHITECTURE, 7).to_plain()


@pytest.fixture(autouse=True)
def same_threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_trial_is_measured_and_comes_back_as_plain_values():
    (answer,) = Evaluation(Hashed, 1)(CONFIG)
    answer = json.loads(json.dumps(answer))
    assert answer["whole"] is True
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
        list(evaluation(CONFIG))
    assert built == [1]
    assert (tmp_path / "log").read_text() == "7\n7\n"


def test_a_proxy_that_cannot_be_built_is_an_answer():
    (answer,) = Evaluation(no_proxy, 1)(CONFIG)
    where = socket.gethostname()
    assert answer["no_proxy"] == f"on {where}: FileNotFoundError: the data set is not on this machine"


def test_a_data_set_that_the_node_does_not_have_is_an_answer():
    class Elsewhere(Hashed):
        def prepare(self):
            raise DataError("data root /there is not a folder; set data.root.")

    for evaluation in (Evaluation(Elsewhere, 1), Evaluation(Hashed, 1, Elsewhere)):
        (answer,) = evaluation(CONFIG)
        assert answer["no_proxy"] == f"on {socket.gethostname()}: data root /there is not a folder; set data.root."


def test_an_exception_of_the_proxy_passes_through():
    with pytest.raises(OSError, match="the disk of the data set"):
        next(Evaluation(lambda: Hashed(error=(7,)), 1)(CONFIG))


def test_a_worker_builds_what_evaluates_in_its_first_trial_and_keeps_it():
    worker = object.__new__(evaluator(partial(Evaluation, Hashed, 1)))
    assert worker.evaluation is None
    worker.config = CONFIG
    first = worker.step()
    assert first["done"] is True
    kept = worker.evaluation
    assert worker.reset_config({**CONFIG, "seed": 8}) is True
    worker.step()
    assert worker.evaluation is kept


def test_a_step_is_a_stage_and_a_new_trial_begins_anew(tmp_path):
    """Tune stops the first trial after a rung; the worker goes on with the next one."""
    log = tmp_path / "log"
    evaluation = partial(Evaluation, partial(Staged, steps_log=str(log)), 1, None, (3, 6))
    worker = object.__new__(evaluator(evaluation))
    worker.config = CONFIG
    first = worker.step()
    assert (first["done"], first["steps"], first["value"]) == (False, 3, hashed_ap(ARCHITECTURE) * 3 / 9)
    worker.config = {**CONFIG, "seed": 8}
    assert worker.reset_config(worker.config) is True
    answers = [worker.step() for _ in range(3)]
    assert [one["done"] for one in answers] == [False, False, True]
    assert "value" not in answers[2], "what is whole is no rung of ASHA"
    assert log.read_text() == "7 3\n8 3\n8 6\n8 9\n"


def test_what_asha_is_told_is_the_reward():
    halving = Reward(RewardSettings(cost="params", target=1e6, exponent=-1.0), twice_the_target)
    first, *_ = Evaluation(Staged, 1, None, (3,), halving)(CONFIG)
    assert first["value"] == pytest.approx(hashed_ap(ARCHITECTURE) * 3 / 9 / 2)
    assert Measurement.from_dict(json.loads(first["measurement"])).ap == hashed_ap(ARCHITECTURE) * 3 / 9


def twice_the_target(architecture):
    return FullSize(params_trainable=2_000_000, multiply_adds=1)


def test_an_architecture_that_does_not_pass_the_filter_ends_its_trial():
    (answer,) = Evaluation(Staged, 1, lambda: Scored(((7, 0.5),)), (3, 6))({**CONFIG, "threshold": 0.6})
    assert answer["whole"] is True
    assert Measurement.from_dict(json.loads(answer["measurement"])).filter_score == 0.5
