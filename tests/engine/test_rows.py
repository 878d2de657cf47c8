"""Rows of the record, byte for byte, and which of them can be believed."""

from pathlib import Path

import numpy as np
import pytest

from nas.engine.events import Finished, Proposed, SessionBegun
from nas.engine.rows import checksum, from_rows, to_row
from nas.engine.trial import TrialState
from proxies.base import Budget, Measurement
from search_spaces.errors import RecordError
from tests.engine.engine_support import ARCHITECTURE, DECISIONS

PATH = Path("runs/a/record.db")
MEASUREMENT = Measurement(
    ap=0.25,
    metrics={"AP50": np.float32(0.5)},
    params=10,
    multiply_adds=20,
    seconds={"train": 1.5},
    budget=Budget(128, 4, 450, 2000, 256),
    worker="host:1",
)
EVENTS = [
    SessionBegun(1760000000.25, {"space": {"name": "toy"}, "seed": 0}, {"samples": 5}, {"commit": "abc"}),
    Proposed(0, DECISIONS, ARCHITECTURE, ARCHITECTURE.fingerprint, 7, 1760000001.5),
    Finished(0, TrialState.COMPLETE, 0.25, MEASUREMENT, None, 1760000001.5, 1760000009.0, 1),
    Finished(0, TrialState.FAILED, None, None, "it died.", None, 1760000009.0, 3, {"updates": 1.0, "entropy": 0.5}),
]
BYTES = [
    b'{"kind":"session","started":1760000000.25,"identity":{"space":{"name":"toy"},"seed":0},"config":{"samples":5},'
    b'"provenance":{"commit":"abc"}}',
    b'{"kind":"proposed","number":0,"decisions":[1,0,0,1,0,1,0,2,1,3,2,3,1,0,1,0,1,1],"architecture":{"schema_version"'
    b':1,"min_level":3,"max_level":4,"stem":[{"level":2,"block_type":"bottleneck","parents":[],"is_output":false},'
    b'{"level":2,"block_type":"bottleneck","parents":[0],"is_output":false}],"blocks":[{"level":5,"block_type":'
    b'"residual","parents":[0,1],"is_output":false},{"level":3,"block_type":"bottleneck","parents":[0,2],"is_output":'
    b'false},{"level":3,"block_type":"residual","parents":[1,3],"is_output":true},{"level":4,"block_type":"residual",'
    b'"parents":[2,3],"is_output":true}]},"fingerprint":"3092c1e7c7c287b0","seed":7,"time":1760000001.5,"error":null}',
    b'{"kind":"finished","number":0,"state":"complete","reward":0.25,"measurement":{"ap":0.25,"metrics":{"AP50":0.5},'
    b'"params":10,"multiply_adds":20,"seconds":{"train":1.5},"budget":{"image_size":128,"batch_size":4,"steps":450,'
    b'"train_images":2000,"eval_images":256},"diverged":false,"error":null,"device":"cpu","worker":"host:1"},"error":'
    b'null,"started":1760000001.5,"finished":1760000009.0,"attempts":1}',
    b'{"kind":"finished","number":0,"state":"failed","reward":null,"measurement":null,"error":"it died.","started":'
    b'null,"finished":1760000009.0,"attempts":3,"controller_metrics":{"updates":1.0,"entropy":0.5}}',
]


@pytest.mark.parametrize("at", range(len(EVENTS)), ids=["session", "proposed", "finished", "finished with metrics"])
def test_the_bytes_of_every_kind_of_event(at):
    number, payload, check = to_row(at + 1, EVENTS[at])
    assert number == at + 1
    assert payload == BYTES[at]
    assert check == checksum(at + 1, BYTES[at])


def test_the_checksum_is_that_of_number_and_payload():
    assert checksum(2, BYTES[1]) == "f95eb0ed02f11973"
    assert checksum(3, BYTES[2]) == "8152ccf6cfbcb27b"


def stored(events=EVENTS):
    """Rows as the database gives them back: texts as bytes."""
    rows = [to_row(number, event) for number, event in enumerate(events, start=1)]
    return [(number, payload, check.encode()) for number, payload, check in rows]


def test_rows_give_the_events_back():
    assert from_rows(stored(), PATH) == (EVENTS, [])
    assert from_rows([], PATH) == ([], [])


@pytest.mark.parametrize("payload", [b"", b'{"kind":', b"[]", None, "text"])
def test_a_torn_last_row_is_dropped_with_a_warning(payload):
    rows = [*stored()[:-1], (4, payload, b"0123456789abcdef")]
    events, (warning,) = from_rows(rows, PATH)
    assert events == EVENTS[:-1]
    assert warning == f"record {PATH}: its last row (4) is torn and was dropped; its event is done again."


def test_anything_else_is_refused():
    rows = stored()
    with pytest.raises(RecordError, match=r"row 2 is missing \(the next is 3\)"):
        from_rows([rows[0], *rows[2:]], PATH)
    with pytest.raises(RecordError, match=r"row 2 of 4 fails its checksum"):
        from_rows([rows[0], (2, b"", rows[1][2]), *rows[2:]], PATH)
    unknown = b'{"kind":"paused"}'
    with pytest.raises(RecordError, match=rf"^record {PATH}, row 1: an event has kind 'paused'"):
        from_rows([(1, unknown, checksum(1, unknown).encode())], PATH)
