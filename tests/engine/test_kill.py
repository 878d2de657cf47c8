"""``kill -9`` of the driver at random moments: a forked process runs the search, the test kills it and goes on."""

import os
import random
import signal
import time
from pathlib import Path

from nas.engine import TrialState, read_run, run_serial
from tests.engine.engine_support import Hashed, decisions_of, end, start

SAMPLES = 60
KILLS = 10


def drive(folder: Path, log: Path) -> None:
    search = start(folder, samples=SAMPLES)
    run_serial(search, lambda: Hashed(log=str(log), delay=0.02))
    end(search)


def forked(folder: Path, log: Path) -> int:
    child = os.fork()
    if child:
        return child
    try:
        drive(folder, log)
        os._exit(0)
    finally:
        os._exit(1)


def test_nothing_is_lost_or_repeated(tmp_path):
    whole = start(tmp_path / "whole", samples=SAMPLES)
    run_serial(whole, Hashed)
    folder, log = tmp_path / "run", tmp_path / "log"
    rng = random.Random(0)
    complete: list = []
    for _ in range(KILLS):
        child = forked(folder, log)
        time.sleep(rng.uniform(0.03, 0.2))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        if (folder / "record.db").exists():
            trials = read_run(folder).trials
            assert list(trials[: len(complete)]) == complete
            complete = [trial for trial in trials if trial.state is not TrialState.RUNNING]
    child = forked(folder, log)
    assert os.waitpid(child, 0)[1] == 0
    run = read_run(folder)
    assert run.trials[: len(complete)] == tuple(complete)
    assert decisions_of(run.trials) == decisions_of(whole.history.trials)
    assert [trial.reward for trial in run.trials] == [trial.reward for trial in whole.history.trials]
    assert TrialState.RUNNING not in {trial.state for trial in run.trials}
    assert len(run.sessions) >= 5
    evaluations = [int(line) for line in log.read_text().split()]
    assert len(evaluations) <= SAMPLES + KILLS
