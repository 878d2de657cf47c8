"""Which random search a command compares a run with."""

import pytest

from nas.command_line.against import baseline_of, check_against
from nas.engine.record import Run, Session, read_run
from search_spaces.errors import ConfigError, RecordError
from tests.engine.test_baseline import PPO, RANDOM, searched


def run_with(against=None):
    return Run((Session(0.0, {"against": against}, identity=PPO),), ())


def test_the_given_one_goes_before_the_recorded_one_and_that_before_one_beside_the_run(tmp_path):
    beside, recorded, given = (searched(tmp_path / name) for name in ("runs/beside", "recorded", "given"))
    own = tmp_path / "runs" / "own"
    run = run_with(str(recorded))
    assert baseline_of(run, own, str(given)).folder == given
    assert baseline_of(run, own).folder == recorded
    assert baseline_of(run_with(str(tmp_path / "gone")), own).folder == beside
    assert baseline_of(run_with(), own).folder == beside
    assert baseline_of(run_with(), tmp_path / "nowhere" / "own") is None
    assert baseline_of(Run((), ()), own) is None


def test_a_bad_one_is_refused_where_it_was_given(tmp_path):
    other = searched(tmp_path / "other", {**RANDOM, "space": {"kind": "spinenet"}})
    for refused in (lambda: check_against(str(other), PPO), lambda: baseline_of(run_with(), tmp_path, str(other))):
        with pytest.raises(RecordError, match=r"^against is \S+other, whose space\.kind is 'spinenet'"):
            refused()
    for refused in (lambda: check_against(3, PPO), lambda: baseline_of(run_with(), tmp_path, 3)):
        with pytest.raises(ConfigError, match=r"^against is 3; it must be a text or null\.$"):
            refused()
    assert check_against(None, PPO) == ()


def test_one_that_was_recorded_may_be_gone(tmp_path):
    gone = str(tmp_path / "gone")
    (sentence,) = check_against(gone, PPO, gone)
    assert sentence.startswith(
        "the random search that this one was to be compared with cannot be used any more: against"
    )
    with pytest.raises(RecordError, match="holds no record"):
        check_against(gone, PPO, "another")
    other = searched(tmp_path / "other")
    assert check_against(str(other), PPO, str(other)) == ()
    assert read_run(other).trials
