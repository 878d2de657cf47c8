"""Checks in a search that runs: order, resume, failures, and a controller that knows nothing of them."""

import os
import signal
import time

import pytest

import search_spaces
from nas.engine import RECORD_NAME, read_run, run_serial
from nas.engine.check import Check, Purpose, Reference, check_seed
from nas.engine.repair import repair_record
from nas.engine.settings import FinalistSettings
from nas.engine.trial import trial_seed
from proxies.base import Measurement
from tests.engine.engine_support import Hashed, decisions_of, end, hashed_ap, start

REFERENCES = tuple(Reference(name, search_spaces.load(name)) for name in ("spinenet-49", "r50-fpn"))
ANSWER = {"references": REFERENCES, "finalists": FinalistSettings(count=2, longer=2.0, winner_seeds=2)}
SAMPLES = 5


def searched(folder, make_proxy=Hashed, **settings):
    search = start(folder, samples=SAMPLES, **{**ANSWER, **settings})
    run_serial(search, make_proxy)
    end(search)
    return search


def purposes(run) -> list[str]:
    return [done.check.purpose.value for done in run.checks]


def test_checks_come_in_their_order(tmp_path):
    search = searched(tmp_path)
    run = read_run(tmp_path)
    assert purposes(run) == ["reference"] * 2 + ["finalist"] * 2 + ["final"] * 6
    assert search.stop_reason == "all 5 samples were evaluated."
    assert run.checks == tuple(search.history.checks)
    assert run.checks[1].finished <= run.trials[0].finished <= run.checks[2].started
    best = max(run.trials, key=lambda trial: trial.reward or 0)
    assert run.checks[-1].check.name == f"trial {best.number}"
    assert [done.value for done in run.checks] == [hashed_ap(done.check.architecture) for done in run.checks]


def test_the_controller_is_asked_and_told_the_same_without_checks(tmp_path):
    plain = start(tmp_path / "plain", samples=SAMPLES)
    run_serial(plain, Hashed)
    search = searched(tmp_path / "run")
    assert search._controller.log == plain._controller.log
    assert [trial.seed for trial in search.history.trials] == [trial.seed for trial in plain.history.trials]


class Stretched(Hashed):
    """Notes how long it trains."""

    def longer(self, factor):
        return Stretched(log=f"{self.log}-{factor:g}")


def test_finalists_are_trained_longer_and_with_the_seeds_of_their_purpose(tmp_path):
    searched(tmp_path / "run", lambda: Stretched(log=str(tmp_path / "log")))
    seeds = {name: list(map(int, (tmp_path / name).read_text().split())) for name in ("log-1", "log-2")}
    reference = check_seed(0, Purpose.REFERENCE, 0)
    assert seeds["log-1"][:2] == [reference, reference]
    finals = [check_seed(0, Purpose.FINAL, 0)] * 3 + [check_seed(0, Purpose.FINAL, 1)] * 3
    assert seeds["log-2"][:2] == [check_seed(0, Purpose.FINALIST, 0)] * 2
    assert sorted(seeds["log-2"][2:]) == sorted(finals)


def test_side_by_side_nobody_waits_who_could_work(tmp_path):
    """References and trials start together; final checks of references fill the wait for the last trial."""
    search = start(tmp_path, samples=2, **ANSWER)
    handed = [search.next_trial() for _ in range(9)]
    assert [one.purpose.value if isinstance(one, Check) else "trial" for one in handed if one] == (
        ["reference"] * 2 + ["trial"] * 2 + ["final"] * 4
    )
    assert handed[-1] is None
    assert search.stop_reason is None
    for one in handed[:-1]:
        search.finish(one, Measurement(ap=hashed_ap(one.architecture)))
    finalists = [search.next_trial(), search.next_trial()]
    assert search.next_trial() is None
    for one in finalists:
        search.finish(one, Measurement(ap=hashed_ap(one.architecture)))
    while (one := search.next_trial()) is not None:
        search.finish(one, Measurement(ap=0.5))
    assert search.stop_reason == "all 2 samples were evaluated."
    assert purposes(read_run(tmp_path)).count("final") == 6
    end(search)


@pytest.mark.parametrize("done", [0, 1, 3, 4, 7, 10])
def test_a_search_that_was_cut_off_among_its_checks_is_gone_on_with(tmp_path, done):
    searched(tmp_path / "whole")
    search = start(tmp_path / "run", samples=SAMPLES, **ANSWER)
    while len(search.history.checks) < done:
        one = search.next_trial()
        search.finish(one, Measurement(ap=hashed_ap(one.architecture)))
    search.next_trial()  # under way when the process dies
    end(search)
    if done < 10:
        searched(tmp_path / "run")
    there, here = (read_run(tmp_path / name) for name in ("whole", "run"))
    assert [one.check for one in here.checks] == [one.check for one in there.checks]
    assert decisions_of(here.trials) == decisions_of(there.trials)


def test_kill_among_the_checks(tmp_path):
    log = tmp_path / "log"
    child = os.fork()
    if not child:
        try:
            searched(tmp_path / "run", lambda: Hashed(log=str(log), delay=0.03))
        finally:
            os._exit(1)
    patience = time.monotonic() + 30
    while not log.exists() or len(log.read_text().split()) < SAMPLES + 5:
        assert time.monotonic() < patience
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    before = read_run(tmp_path / "run").checks
    searched(tmp_path / "run", lambda: Hashed(log=str(log)))
    run = read_run(tmp_path / "run")
    assert 0 < len(before) < 10
    assert run.checks[: len(before)] == before
    assert len({done.check.key for done in run.checks}) == len(run.checks) == 10
    assert len(log.read_text().split()) <= SAMPLES + 10 + 1


def test_a_check_that_fails_is_recorded_with_its_reason_and_blocks_nothing(tmp_path):
    broken, lost = check_seed(0, Purpose.REFERENCE, 0), check_seed(0, Purpose.FINAL, 1)
    search = searched(tmp_path, lambda: Hashed(broken=(broken,), error=(lost,)), retries=1)
    assert search.stop_reason == "all 5 samples were evaluated."
    errors = {
        (done.check.purpose.value, done.error, done.check.attempt) for done in search.history.checks if done.error
    }
    assert errors == {
        ("reference", "the loss is not finite at step 3.", 1),
        ("final", "OSError: the disk of the data set", 2),
    }
    again = start(tmp_path, samples=SAMPLES, **ANSWER)
    assert again.next_trial() is None
    assert again.stop_reason is not None
    end(again)


def test_where_no_trial_is_complete_there_are_no_finalists(tmp_path):
    seeds = tuple(trial_seed(0, number) for number in range(200))
    search = searched(tmp_path, lambda: Hashed(broken=seeds))
    assert purposes(search.history) == ["reference"] * 2
    assert search.stop_reason is not None


def test_more_finalists_later(tmp_path):
    """What is recorded already is not trained again."""
    searched(tmp_path, finalists=FinalistSettings(count=0), references=())
    assert read_run(tmp_path).checks == ()
    searched(tmp_path)
    before = read_run(tmp_path).checks
    searched(tmp_path, finalists=FinalistSettings(count=3, longer=2.0, winner_seeds=3))
    added = read_run(tmp_path).checks[len(before) :]
    assert [done.check.purpose.value for done in added] == ["finalist"] + ["final"] * 3


def test_a_record_with_checks_is_repaired(tmp_path):
    searched(tmp_path)
    whole = read_run(tmp_path)
    path = tmp_path / RECORD_NAME
    path.write_bytes(path.read_bytes()[:-4096])
    said = repair_record(tmp_path)
    assert "was damaged and is repaired" in said[0]
    searched(tmp_path)
    assert [done.check for done in read_run(tmp_path).checks] == [done.check for done in whole.checks]
