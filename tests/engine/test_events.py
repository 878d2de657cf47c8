"""Events: values on this side, JSON on the other."""

from dataclasses import replace
from pathlib import Path

import pytest

from nas.engine.check import Check, Checked, Purpose
from nas.engine.costs import Costed
from nas.engine.events import Finished, Proposed, SessionBegun, SessionEnded, event_from_json
from nas.engine.trial import TrialState
from proxies.base import Measurement
from search_spaces.errors import RecordError
from tests.engine.engine_support import ARCHITECTURE, DECISIONS

SESSION = SessionBegun(1.5, {"seed": 0}, {"samples": 5}, {"commit": "abc"})
PROPOSED = Proposed(0, DECISIONS, ARCHITECTURE, ARCHITECTURE.fingerprint, 7, 2.5)
FINISHED = Finished(0, TrialState.COMPLETE, 0.25, Measurement(ap=0.25), None, 3.5, 4.5, 1, {"entropy": 0.5})
CHECK = Check(Purpose.REFERENCE, "spinenet-49", ARCHITECTURE, seed=3, longer=2.0, attempt=2)
CHECKED = Checked(CHECK, 0.25, Measurement(ap=0.25), None, 3.5, 4.5)
COSTED = Costed(ARCHITECTURE.fingerprint, 640, 28_000_000, 85_000_000_000)
KINDS = "session, ended, proposed, finished, checked, costed"
EVENTS = {
    "session": SESSION,
    "ended": SessionEnded(9.5),
    "proposed": PROPOSED,
    "infeasible": replace(PROPOSED, architecture=None, fingerprint="", error="block 3 has no parent."),
    "finished": FINISHED,
    "failed": replace(FINISHED, state=TrialState.FAILED, reward=None, measurement=None, error="it died."),
    "refused": replace(PROPOSED, error="it has 9 parameters; reward.max_params allows 8."),
    "checked": CHECKED,
    "check without a result": replace(CHECKED, reward=None, measurement=None, error="it died."),
    "costed": COSTED,
    "timed": replace(COSTED, milliseconds=312.5, device="one processor"),
    "without metrics": replace(FINISHED, controller_metrics={}),
}


@pytest.mark.parametrize("name", EVENTS)
def test_what_is_read_is_what_was_written(name):
    assert event_from_json(EVENTS[name].to_json()) == EVENTS[name]


def test_metrics_are_written_only_where_there_are_any():
    assert list(FINISHED.to_json())[-1] == "controller_metrics"
    assert "controller_metrics" not in EVENTS["without metrics"].to_json()


def test_a_session_holds_plain_values():
    session = SessionBegun.now(
        {"space": "toy"}, {"run": Path("runs/a"), "parts": (1, 2)}, {"nested": {"at": Path("x")}}
    )
    assert session.config == {"run": "runs/a", "parts": [1, 2]}
    assert session.provenance == {"nested": {"at": "x"}}
    assert event_from_json(session.to_json()) == session


@pytest.mark.parametrize(
    ("event", "changed", "sentence"),
    [
        (
            SESSION,
            {"kind": "paused"},
            f"an event has kind 'paused'; it must be one of {KINDS}.",
        ),
        (
            SESSION,
            {"kind": []},
            f"an event has kind []; it must be one of {KINDS}.",
        ),
        (SessionEnded(9.5), {"time": "late"}, "event ended is malformed: ValueError: could not convert"),
        (SESSION, {"identity": None}, "event session is malformed: TypeError"),
        (PROPOSED, {"decisions": None}, "event proposed of trial 0 is malformed: TypeError"),
        (
            PROPOSED,
            {"number": "0"},
            "event proposed of trial '0' is malformed: number is '0'; it must be an integer.",
        ),
        (PROPOSED, {"architecture": {}}, "event proposed of trial 0 is malformed: "),
        (FINISHED, {"state": "done"}, "event finished of trial 0 is malformed: ValueError: 'done' is not a valid"),
        (FINISHED, {"measurement": 3}, "event finished of trial 0 is malformed: TypeError"),
        (CHECKED, {"purpose": "guess"}, "event checked is malformed: ValueError: 'guess' is not a valid Purpose"),
        (CHECKED, {"fingerprint": "f"}, "event checked is malformed: ValueError: fingerprint 'f' is not that of its"),
        (CHECKED, {"longer": 0.5}, "event checked is malformed: check of spinenet-49: longer is 0.5; it must be at"),
        (COSTED, {"params": "many"}, "event costed is malformed: params is 'many'; it must be an integer."),
    ],
)
def test_a_malformed_event_is_refused_in_a_sentence(event, changed, sentence):
    with pytest.raises(RecordError) as caught:
        event_from_json({**event.to_json(), **changed})
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("name", ["session", "ended", "proposed", "finished", "checked", "costed"])
def test_a_missing_key_is_named(name):
    whole = EVENTS[name].to_json()
    for key in whole.keys() - {"kind", "controller_metrics"}:
        with pytest.raises(RecordError, match=f"has no '{key}'"):
            event_from_json({other: value for other, value in whole.items() if other != key})
