"""Searches run by Ray Tune: the same ones as the serial runner's, whatever happens to workers and drivers."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import ray

import search_spaces
from nas.engine import TrialState, read_run, run_serial
from nas.engine.check import Purpose, Reference, check_seed
from nas.engine.ledger import ledger
from nas.engine.ray import RaySettings, run_ray
from nas.engine.ray.runner import _fidelities, _sentence, _storage
from nas.engine.settings import FinalistSettings
from nas.engine.trial import trial_seed
from search_spaces.errors import ConfigError, RecordError, SearchError
from tests.engine.engine_support import (
    SPACE,
    Hashed,
    Scripted,
    Staged,
    decisions_of,
    distinct,
    end,
    hashed_ap,
    no_proxy,
    scored,
    start,
    states_of,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module", autouse=True)
def session():
    """One Ray session for all tests of this file, with a made-up GPU."""
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=1,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=128 * 2**20,
        runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}},
    )
    yield
    ray.shutdown()


CPU = RaySettings(workers=2, gpus_per_trial=0)
HALF_A_GPU = RaySettings(gpus_per_trial=0.5)


def run(folder, make_proxy=Hashed, settings=CPU, **search_settings):
    search = start(folder, **search_settings)
    try:
        run_ray(search, make_proxy, settings)
    finally:
        end(search)
    return search


def test_two_workers_evaluate_every_sample_once_and_are_reused(tmp_path, capfd):
    """And the ledger accounts for the time of both."""
    log = tmp_path / "log"
    folder = tmp_path / "run"
    begun = time.time()
    search = run(folder, partial(Hashed, log=str(log), delay=0.2), HALF_A_GPU, samples=20)
    wall = time.time() - begun
    found = read_run(folder)
    complete = [trial for trial in found.trials if trial.state is TrialState.COMPLETE]
    assert len(complete) == 20
    assert sorted(map(int, log.read_text().split())) == sorted(trial.seed for trial in complete)
    assert len({trial.measurement.worker for trial in complete}) == 2
    assert all(trial.started <= trial.finished for trial in complete)
    assert search.stop_reason == "all 20 samples were evaluated."
    assert sorted(os.listdir(folder)) == [".lock", "record.db"]
    assert capfd.readouterr() == ("", "")
    accounted = ledger(found)
    assert accounted.wall_seconds == pytest.approx(wall, rel=0.05, abs=1.0)
    assert accounted.worker_seconds == pytest.approx(2 * accounted.wall_seconds)
    assert sum(accounted.seconds.values()) == pytest.approx(accounted.worker_seconds)
    assert accounted.seconds["training"] == pytest.approx(20 * 0.2)
    assert accounted.beyond == 0.0


def test_failures_are_recorded_and_the_search_goes_on(tmp_path, capfd):
    """One worker process dies, one raises, one architecture fails; the first two are tried again."""
    seeds = [trial_seed(0, number) for number in range(8)]
    log = tmp_path / "log"
    make_proxy = partial(Hashed, log=str(log), crash=(seeds[1],), error=(seeds[3],), broken=(seeds[4],))
    search = start(tmp_path / "run", Scripted(distinct(8)), samples=8, retries=1)
    run_ray(search, make_proxy, CPU)
    trials = read_run(tmp_path / "run").trials
    assert [number for number, state in enumerate(states_of(trials)) if state is TrialState.FAILED] == [1, 3, 4]
    assert TrialState.RUNNING not in states_of(trials)
    assert trials[1].error.startswith("the worker process died")
    assert trials[3].error == "OSError: the disk of the data set"
    assert trials[4].error == "the loss is not finite at step 3."
    assert [trials[number].attempts for number in (0, 1, 3, 4)] == [1, 2, 2, 1]
    counts = [log.read_text().split().count(str(seed)) for seed in seeds]
    assert counts == [1, 2, 1, 2, 1, 1, 1, 1]
    assert search._controller.told.keys() == set(range(8))
    assert capfd.readouterr() == ("", "")


ASHA = RaySettings(workers=1, gpus_per_trial=0, asha=True, asha_keep=2)
"""Of :class:`Staged`'s nine steps, the second, fourth and eighth are rungs."""


def states_by_hand(architectures, keep=2, rungs=(2, 4, 8)):
    """What asynchronous successive halving makes of trials that come one after another, and where it stops them."""
    known = {rung: [] for rung in rungs}
    ends = []
    for architecture in architectures:
        end_step = 9
        for rung in rungs:
            ap = hashed_ap(architecture) * rung / 9
            cutoff = np.percentile(known[rung], (1 - 1 / keep) * 100) if known[rung] else 0.0
            known[rung].append(ap)
            if ap < cutoff:
                end_step = rung
                break
        ends.append(end_step)
    return ends


def ends_of(trials):
    return [trial.measurement.budget.steps for trial in trials if trial.state is not TrialState.DUPLICATE]


def test_asha_stops_trials_that_are_worse_at_the_same_step(tmp_path, capfd):
    log = tmp_path / "log"
    controller = Scripted(distinct(12))
    search = start(tmp_path / "run", controller, samples=12)
    run_ray(search, partial(Staged, steps_log=str(log)), ASHA)
    end(search)
    trials = read_run(tmp_path / "run").trials
    ends = states_by_hand([trial.architecture for trial in trials])
    assert ends_of(trials) == ends
    assert {2, 9} <= set(ends)
    assert states_of(trials) == [TrialState.COMPLETE if steps == 9 else TrialState.STOPPED for steps in ends]
    for trial, steps in zip(trials, ends):
        ap = hashed_ap(trial.architecture)
        assert trial.reward == trial.measurement.ap == ap * steps / 9
        assert trial.measurement.rungs == {rung: ap * rung / 9 for rung in (2, 4, 8) if rung <= steps}
        assert controller.told[trial.number] == (trial.reward if steps == 9 else None)
    stopped = next(trial for trial in trials if trial.state is TrialState.STOPPED)
    assert stopped.error.startswith(f"stopped by ASHA: AP {stopped.reward:.4f} after ")
    trained = [line.split() for line in log.read_text().splitlines()]
    assert [line for line in trained if line[1] != "9"] == [
        [str(trial.seed), str(rung)] for trial in trials for rung in trial.measurement.rungs
    ]
    assert search.stop_reason == "all 12 samples were evaluated."
    assert capfd.readouterr() == ("", "")


def test_asha_goes_on_with_the_rungs_of_the_record(tmp_path):
    """Tune knows nothing of an earlier session, which was cut off in a trial: the second one stops what an
    uninterrupted one stops."""
    first = 5
    for samples in (first, 12):
        search = start(tmp_path, Scripted(distinct(12)), samples=samples)
        run_ray(search, Staged, ASHA)
        end(search)
        if samples == first:
            search = start(tmp_path, Scripted(distinct(12)), samples=12)
            assert search.next_trial().number == first
            end(search)
    trials = read_run(tmp_path).trials
    assert ends_of(trials) == states_by_hand([trial.architecture for trial in trials])
    assert TrialState.RUNNING not in states_of(trials)


def test_asha_with_two_workers_and_trials_that_fail(tmp_path):
    seeds = [trial_seed(0, number) for number in range(12)]
    make_proxy = partial(Staged, crash=(seeds[2],), error=(seeds[4],), broken=(seeds[5],), delay=0.01)
    search = start(tmp_path, Scripted(distinct(12)), samples=12, retries=1)
    run_ray(search, make_proxy, replace(ASHA, workers=2))
    end(search)
    trials = read_run(tmp_path).trials
    assert [trial.number for trial in trials if trial.state is TrialState.FAILED] == [2, 4, 5]
    assert {TrialState.COMPLETE, TrialState.STOPPED} <= set(states_of(trials))
    assert TrialState.RUNNING not in states_of(trials)


def test_asha_beside_a_filter_stops_no_check(tmp_path):
    poor = min((SPACE.decode(decisions) for decisions in distinct(12)), key=hashed_ap)
    search = start(
        tmp_path,
        samples=8,
        references=(Reference("poor", poor),),
        finalists=FinalistSettings(count=1, winner_seeds=1),
        prefilter="cheap",
        keep=0.5,
    )
    scores = tuple(np.random.default_rng(3).normal(size=60).tolist())
    run_ray(search, Staged, replace(ASHA, workers=2), partial(scored, *scores))
    end(search)
    run = read_run(tmp_path)
    states = states_of(run.trials)
    assert {TrialState.COMPLETE, TrialState.STOPPED, TrialState.FILTERED} <= set(states)
    assert states.count(TrialState.COMPLETE) + states.count(TrialState.STOPPED) == 8
    assert len(run.checks) == 4
    assert all(done.measurement.budget.steps == 9 and not done.measurement.rungs for done in run.checks)
    best = max((trial for trial in run.trials if trial.state is TrialState.COMPLETE), key=lambda trial: trial.reward)
    assert {done.check.name for done in run.checks} == {"poor", f"trial {best.number}"}


def test_asha_without_a_training_says_that_it_stops_nothing(tmp_path, capfd):
    search = start(tmp_path, Scripted(distinct(2)), samples=2)
    assert _fidelities(search, Hashed, ASHA) == ((), None)
    assert _fidelities(search, Staged, CPU) == ((), None)
    end(search)
    assert capfd.readouterr().err == (
        "warning: runner.asha=true stops nothing: no rung lies before the end of 0 optimiser steps.\n"
    )


def test_one_worker_proposes_filters_and_rewards_as_the_serial_runner_does(tmp_path):
    scores = tuple(np.random.default_rng(2).normal(size=40).tolist())
    filtering = {"samples": 5, "prefilter": "cheap", "keep": 0.4}
    log = tmp_path / "log"
    serial = start(tmp_path / "serial", **filtering)
    run_serial(serial, Hashed, lambda: scored(*scores))
    search = start(tmp_path / "run", **filtering)
    run_ray(search, partial(Hashed, log=str(log)), replace(CPU, workers=1), partial(scored, *scores))
    end(search)
    there, here = serial.history.trials, read_run(tmp_path / "run").trials
    assert [(trial.decisions, trial.state, trial.error, trial.reward, trial.seed) for trial in here] == [
        (trial.decisions, trial.state, trial.error, trial.reward, trial.seed) for trial in there
    ]
    assert TrialState.FILTERED in states_of(here)
    trained = [trial.seed for trial in here if trial.state is TrialState.COMPLETE]
    assert list(map(int, log.read_text().split())) == trained


@pytest.mark.parametrize("settings", [RaySettings(cpus_per_trial=64), RaySettings(gpus_per_trial=3)])
def test_too_few_resources(tmp_path, settings):
    with pytest.raises(ConfigError, match="exceed what Ray has: 2 CPUs and 1 GPUs"):
        run(tmp_path, settings=settings)
    assert sorted(os.listdir(tmp_path)) == [".lock", "record.db"]


def test_a_proxy_that_cannot_be_built_ends_the_search(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot be built in a worker on .*: FileNotFoundError: the data set"):
        run(tmp_path, no_proxy)
    assert set(states_of(read_run(tmp_path).trials)) == {TrialState.RUNNING}


def test_a_full_disk_ends_the_search_with_its_sentence(tmp_path):
    search = start(tmp_path, samples=300)
    pages = search._store._connection.execute("PRAGMA page_count").fetchone()[0]
    search._store._connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(RecordError, match="free space on the disk"):
        run_ray(search, Hashed, CPU)
    end(search)
    complete = [trial for trial in read_run(tmp_path).trials if trial.state is TrialState.COMPLETE]
    assert len(complete) >= 3
    run_serial(start(tmp_path, samples=len(complete) + 3), Hashed)
    assert [trial for trial in read_run(tmp_path).trials if trial in complete] == complete


def test_what_tune_raises_is_a_sentence(tmp_path, monkeypatch):
    def full(*arguments, **settings):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nas.engine.ray.runner.tune.run", full)
    with pytest.raises(
        SearchError, match=r"No space left on device \(Tune's files are in .*\); nothing evaluated is lost"
    ):
        run(tmp_path)


def test_the_search_s_own_error_goes_before_tune_s():
    searcher = SimpleNamespace(error=RecordError("the record cannot be written."))
    with pytest.raises(RecordError, match="the record cannot be written"), _sentence(searcher, Path("found/.ray-x")):
        raise OSError(28, "No space left on device")


def test_tune_s_files_are_elsewhere_where_it_cannot_take_the_run_folder(tmp_path):
    folder = tmp_path / "caf\udce9"
    folder.mkdir()
    for given, inside in ((tmp_path, True), (folder, False)):
        with _storage(given) as storage:
            assert (storage.parent == given) == inside
            str(storage).encode()
        assert not storage.exists()


def test_a_search_that_is_over_needs_no_ray(tmp_path, monkeypatch):
    search = start(tmp_path, samples=2)
    run_serial(search, Hashed)
    end(search)
    monkeypatch.setattr("nas.engine.ray.runner.ray_session", None)
    assert run(tmp_path, samples=2).stop_reason == "all 2 samples were evaluated."


DRIVER = """
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from tests.engine.engine_support import Hashed, end, start
from nas.engine.ledger import ledger
from nas.engine.ray import RaySettings, run_ray
from nas.engine.ray.runner import _sentence, _storage
search = start(Path(sys.argv[1]), samples=12)
run_ray(search, partial(Hashed, delay=0.4), RaySettings(workers=1))
end(search)
"""


@pytest.fixture
def short_folder():
    """For what a killed Ray leaves behind; Ray's sockets need a short path."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield name


def test_kill_and_interrupt_of_a_driver_with_its_own_ray(tmp_path, short_folder):
    """One driver is killed, the next interrupted, both started somewhere else; the serial runner ends the search."""
    folder, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    elsewhere.mkdir()
    for send in (signal.SIGKILL, signal.SIGINT):
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(folder)],
            cwd=elsewhere,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": short_folder},
            start_new_session=True,
            preexec_fn=heed_interrupts,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        wait_for_progress(folder, driver)
        driver.send_signal(send)
        output, _ = driver.communicate(timeout=60)
        assert driver.returncode == -send, output.decode()
    assert sorted(os.listdir(folder)) == [".lock", "record.db"]
    search = start(folder, samples=12)
    run_serial(search, Hashed)
    end(search)
    whole = start(tmp_path / "whole", samples=12)
    run_serial(whole, Hashed)
    trials = read_run(folder).trials
    assert decisions_of(trials) == decisions_of(whole.history.trials)
    assert [trial.reward for trial in trials] == [trial.reward for trial in whole.history.trials]


def test_workers_start_from_a_python_whose_path_has_a_space(tmp_path, short_folder):
    if sys.prefix == sys.base_prefix:
        pytest.skip("this Python is not one of a virtual environment, which the test makes a second way to")
    python = tmp_path / "my venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    for name in ("lib", "pyvenv.cfg"):
        (tmp_path / "my venv" / name).symlink_to(Path(sys.prefix) / name)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": short_folder}
    command = [python, "-c", DRIVER.replace("samples=12", "samples=2"), tmp_path / "run"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert complete_count(tmp_path / "run") == 2


def heed_interrupts() -> None:
    """A shell starts what it runs in the background deaf to Ctrl-C, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for_progress(folder: Path, driver: subprocess.Popen, timeout: float = 60.0) -> None:
    """Until one more trial is complete, and a random moment more."""
    before = complete_count(folder)
    end_of_patience = time.monotonic() + timeout
    while complete_count(folder) < before + 1:
        assert driver.poll() is None, driver.communicate()[0].decode()
        assert time.monotonic() < end_of_patience
        time.sleep(0.05)
    time.sleep(random.Random(before).uniform(0, 0.3))


def complete_count(folder: Path) -> int:
    if not (folder / "record.db").exists():
        return 0
    return sum(trial.state is TrialState.COMPLETE for trial in read_run(folder).trials)


def test_checks_run_beside_trials_and_at_the_end(tmp_path):
    """A worker that dies costs its check one attempt; the checks and their results are the serial runner's."""
    references = tuple(Reference(name, search_spaces.load(name)) for name in ("spinenet-49", "r50-fpn"))
    finalists = FinalistSettings(count=2, longer=2.0, winner_seeds=2)
    settings = {"samples": 4, "references": references, "finalists": finalists, "retries": 1}
    lost = check_seed(0, Purpose.REFERENCE, 0)
    search = run(tmp_path / "run", partial(Hashed, crash=(lost,)), controller=Scripted(distinct(4)), **settings)
    assert search.stop_reason == "all 4 samples were evaluated."
    checks = read_run(tmp_path / "run").checks
    assert [(done.check.purpose, done.check.attempt) for done in checks if done.error] == [(Purpose.REFERENCE, 2)] * 2
    serial = start(tmp_path / "serial", Scripted(distinct(4)), **settings)
    run_serial(serial, Hashed)
    end(serial)
    results, wanted = (
        {done.check.key: done.value for done in made if done.error is None} for made in (checks, serial.history.checks)
    )
    assert results == {key: value for key, value in wanted.items() if key[0] != "reference"}
    assert [key[0] for key in results].count("final") == 6
