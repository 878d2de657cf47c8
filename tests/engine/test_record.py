"""What a record says: events folded in order, and real records of earlier versions."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.engine.events import Finished, Proposed, SessionBegun
from nas.engine.record import History, read_run
from nas.engine.trial import TrialState
from proxies.base import Measurement
from search_spaces.errors import RecordError
from tests.engine.engine_support import ARCHITECTURE, DECISIONS, open_store

RESULTS = Path(__file__).parents[2] / "results"
SESSION = SessionBegun(1.0, {"seed": 0}, {"samples": 5}, {"commit": "abc"})
PROPOSED = Proposed(0, DECISIONS, ARCHITECTURE, ARCHITECTURE.fingerprint, 7, 2.0)
FINISHED = Finished(0, TrialState.COMPLETE, 0.25, Measurement(ap=0.25), None, 3.0, 4.0, 1, {"entropy": 0.5})


def history_of(*events) -> History:
    history = History(Path("runs/a/record.db"))
    for event in events:
        history.apply(event)
    return history


def test_a_session_a_proposal_and_its_answer():
    history = history_of(SESSION, PROPOSED)
    (running,) = history.trials
    assert (running.state, running.session, running.started) == (TrialState.RUNNING, 0, 2.0)
    history.apply(replace(SESSION, started=2.5))
    history.apply(FINISHED)
    (complete,) = history.trials
    assert (complete.state, complete.session, complete.started, complete.finished) == ("complete", 1, 3.0, 4.0)
    assert (complete.reward, complete.architecture, complete.seed) == (0.25, ARCHITECTURE, 7)
    assert complete.controller_metrics == {"entropy": 0.5}
    assert [session.started for session in history.sessions] == [1.0, 2.5]
    assert history.sessions[0].config == {"samples": 5}


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ([PROPOSED], "trial 0: session is -1; it must be at least 0."),
        ([SESSION, replace(PROPOSED, number=2)], "trial 2 was proposed where trial 0 must come."),
        ([SESSION, FINISHED], "trial 0 was answered, but it is not running at that point."),
        ([SESSION, PROPOSED, replace(FINISHED, number=-1)], "trial -1 was answered, but it is not running"),
        ([SESSION, PROPOSED, FINISHED, FINISHED], "trial 0 was answered, but it is not running at that point."),
        ([SESSION, PROPOSED, replace(FINISHED, reward=None)], "trial 0 is complete, so 'reward' must be given"),
    ],
)
def test_an_event_that_does_not_follow_is_refused_and_the_record_named(events, sentence):
    with pytest.raises(RecordError) as caught:
        history_of(*events)
    assert str(caught.value).startswith(f"record runs/a/record.db: {sentence}")


def test_what_was_appended_is_read(tmp_path):
    with open_store(tmp_path) as store:
        store.append([PROPOSED, FINISHED])
    run = read_run(tmp_path)
    assert run.trials == tuple(history_of(SESSION, PROPOSED, FINISHED).trials)
    assert len(run.sessions) == 1
    assert run.warnings == ()


@pytest.mark.parametrize(("name", "count"), [("bccd", 48), ("coco128", 24)])
def test_a_record_of_an_earlier_version_opens(name, count):
    run = read_run(RESULTS / name)
    assert [trial.number for trial in run.trials] == list(range(count))
    assert {trial.state for trial in run.trials} == {TrialState.COMPLETE}
    assert not any(trial.controller_metrics for trial in run.trials)
    for trial in run.trials:
        assert trial.architecture.fingerprint == trial.fingerprint
        assert trial.measurement.ap == trial.reward
