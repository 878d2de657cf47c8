"""The search as Tune sees it, without Tune."""

import json
from types import SimpleNamespace

import pytest
from ray import cloudpickle
from ray.exceptions import RayTaskError
from ray.tune.search import Searcher

from nas.engine.check import Reference
from nas.engine.ray.searcher import Failures, SearchOfTune, StopOnError
from nas.engine.trial import TrialState
from proxies.base import Budget, Measurement
from proxies.reward import FullSize, Reward, RewardSettings
from search_spaces.architecture import Architecture
from search_spaces.errors import ConfigError, RecordError
from tests.engine.engine_support import SPACE, Scripted, distinct, start, states_of

FIRST, SECOND = distinct(2)


def answer(ap: float) -> dict[str, object]:
    return {"whole": True, "started": 5.0, "measurement": json.dumps(Measurement(ap=ap).to_dict())}


def searcher_on(folder, **settings) -> SearchOfTune:
    return SearchOfTune(start(folder, Scripted([FIRST, SECOND]), samples=2, **settings))


def test_tune_gets_plain_values_and_the_search_gets_the_measurement(tmp_path):
    searcher = searcher_on(tmp_path)
    config = searcher.suggest("a")
    assert json.loads(json.dumps(config)) == config
    assert Architecture.from_json(config["architecture"]) == SPACE.decode(FIRST)
    searcher.on_trial_complete("a", answer(0.25))
    (trial,) = searcher._search.history.trials
    assert (trial.state, trial.reward, trial.started, trial.seed) == (TrialState.COMPLETE, 0.25, 5.0, config["seed"])


def test_while_trials_run_there_is_nothing_to_suggest_and_then_it_is_over(tmp_path):
    searcher = searcher_on(tmp_path)
    searcher.suggest("a"), searcher.suggest("b")
    assert searcher.suggest("c") is None
    searcher.on_trial_complete("a", answer(0.25))
    searcher.on_trial_complete("b", answer(0.5))
    assert searcher.suggest("c") == Searcher.FINISHED
    assert searcher.error is None


def test_a_lost_worker_is_a_failure_with_its_reason(tmp_path):
    searcher = searcher_on(tmp_path, retries=0)
    searcher.suggest("a")
    searcher.on_trial_complete("a", None, error=True)
    assert states_of(searcher._search.history.trials) == [TrialState.RUNNING]
    lost = SimpleNamespace(trial_id="a", run_metadata=SimpleNamespace(pickled_error_filename=None))
    Failures(searcher).on_trial_error(0, [], lost)
    (trial,) = searcher._search.history.trials
    assert trial.state is TrialState.FAILED
    assert trial.error == "the worker process died (it was killed, crashed, or ran out of memory)."


def test_an_exception_in_a_worker_is_told_by_its_first_line(tmp_path):
    searcher = searcher_on(tmp_path, retries=0)
    searcher.suggest("a")
    path = tmp_path / "error.pkl"
    path.write_bytes(cloudpickle.dumps(RayTaskError("step", "traceback", OSError("the disk\nwent away"))))
    metadata = SimpleNamespace(pickled_error_filename="error.pkl")
    raised = SimpleNamespace(trial_id="a", run_metadata=metadata, pickled_error_file=str(path))
    Failures(searcher).on_trial_error(0, [], raised)
    assert searcher._search.history.trials[0].error == "OSError: the disk"


def test_what_the_search_raises_is_kept_and_stops_tune(tmp_path):
    searcher = searcher_on(tmp_path)
    stopper = StopOnError(searcher)
    searcher.suggest("a")
    assert not stopper.stop_all()
    searcher.on_trial_complete("a", {"no_proxy": "on b: FileNotFoundError: no data."})
    assert stopper.stop_all()
    assert not stopper("a", {})
    with pytest.raises(
        ConfigError, match=r"^the proxy cannot be built in a worker on b: FileNotFoundError: no data\.$"
    ):
        raise searcher.error


def test_the_first_error_is_the_one_that_is_kept(tmp_path):
    searcher = searcher_on(tmp_path)
    searcher.suggest("a")
    searcher._search._store.close()
    searcher.on_trial_complete("a", answer(0.25))
    searcher.on_trial_complete("a", {"no_proxy": "later"})
    assert isinstance(searcher.error, RecordError)


def test_a_trial_that_tune_stopped_is_stopped_and_a_check_never_is(tmp_path):
    searcher = searcher_on(tmp_path, references=(Reference("poor", SPACE.decode(SECOND)),))
    measurement = Measurement(ap=0.25, budget=Budget(steps=1), rungs={1: 0.25})
    at_rung = {"whole": False, "started": 5.0, "measurement": json.dumps(measurement.to_dict())}
    assert [searcher.suggest(name)["is_trial"] for name in ("a", "b")] == [False, True]
    searcher.on_trial_complete("a", answer(0.5))
    searcher.on_trial_complete("b", at_rung)
    (trial,) = searcher._search.history.trials
    assert (trial.state, trial.reward, trial.measurement) == (TrialState.STOPPED, 0.25, measurement)
    assert trial.error == "stopped by ASHA: AP 0.2500 after 1 step is not among the best that trials had there."
    assert searcher.error is None


def test_a_trial_is_stopped_for_its_reward(tmp_path):
    searcher = searcher_on(tmp_path)
    halving = RewardSettings(cost="params", target=1e6, exponent=-1.0)
    searcher._search.reward = Reward(halving, lambda architecture: FullSize(2_000_000, 1))
    searcher.suggest("a")
    measured = Measurement(ap=0.25, budget=Budget(steps=1), rungs={1: 0.25})
    searcher.on_trial_complete("a", {"whole": False, "started": 5.0, "measurement": json.dumps(measured.to_dict())})
    (trial,) = searcher._search.history.trials
    assert trial.reward == pytest.approx(0.125)
    assert trial.error.startswith("stopped by ASHA: reward 0.1250 (AP 0.2500) after 1 step is not among the best")
