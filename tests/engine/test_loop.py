"""The serial runner: what running a search means."""

import pytest

from nas.engine import TrialState, read_run, run_serial
from nas.engine.loop import describe
from nas.engine.trial import trial_seed
from tests.engine.engine_support import Hashed, Scripted, distinct, no_proxy, start, states_of

SCRIPT = distinct(4)


def test_every_sample_is_evaluated_once(tmp_path):
    log = tmp_path / "log"
    search = start(tmp_path, samples=12)
    run_serial(search, lambda: Hashed(log=str(log)))
    evaluated = [trial for trial in search.history.trials if trial.state is TrialState.COMPLETE]
    assert [int(line) for line in log.read_text().split()] == [trial.seed for trial in evaluated]
    assert len(evaluated) == 12
    assert all(trial.measurement.worker for trial in evaluated)


def test_an_exception_is_retried_with_a_new_proxy_and_then_recorded(tmp_path):
    built = []

    def make_proxy():
        built.append(1)
        return Hashed(error=(trial_seed(0, 1),))

    search = start(tmp_path, Scripted(SCRIPT), samples=4, retries=2)
    run_serial(search, make_proxy)
    trials = read_run(tmp_path).trials
    assert sorted(states_of(trials)) == ["complete", "complete", "complete", "failed"]
    assert trials[1].error == "OSError: the disk of the data set"
    assert trials[1].attempts == 3
    assert len(built) == 4


def test_an_architecture_that_fails_is_not_retried(tmp_path):
    search = start(tmp_path, Scripted(SCRIPT), samples=4)
    run_serial(search, lambda: Hashed(broken=(trial_seed(0, 2),)))
    failed = read_run(tmp_path).trials[2]
    assert (failed.state, failed.attempts) == (TrialState.FAILED, 1)
    assert failed.error == "the loss is not finite at step 3."


def test_a_proxy_that_cannot_be_built_ends_the_search(tmp_path):
    with pytest.raises(FileNotFoundError):
        run_serial(start(tmp_path), no_proxy)


def test_describe():
    assert describe(ValueError("one\ntwo")) == "ValueError: one"
    assert describe(RuntimeError("\x1b[31mred\x1b[0m")) == "RuntimeError: red"
    assert describe(MemoryError()) == "MemoryError."
