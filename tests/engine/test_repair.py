"""A damaged record repaired: its rows are a prefix of the true ones or it is refused, and the damaged file is kept."""

import os
import random
import sqlite3
from pathlib import Path

import pytest

from nas.engine import RECORD_NAME, TrialState, read_run, repair, repair_record, run_serial
from nas.engine.database import connect
from nas.engine.repair import read_repaired
from nas.engine.rows import to_row
from nas.engine.store import Store, read_events
from search_spaces.errors import RecordError
from tests.engine.engine_support import IDENTITY, Drifting, Hashed, decisions_of, end, open_store, start

PAGE = 4096
JOURNAL = f"{RECORD_NAME}-journal"
LONG = {"note": "a setting that takes an overflow page. " * 120}


@pytest.fixture(scope="module")
def content(tmp_path_factory) -> bytes:
    """The record of a search of 24 trials in two sessions, whose first row takes several pages."""
    folder = tmp_path_factory.mktemp("whole")
    Store.create(folder, IDENTITY, LONG, {}).close()
    for samples in (12, 24):
        search = start(folder, samples=samples)
        run_serial(search, Hashed)
        end(search)
    return (folder / RECORD_NAME).read_bytes()


@pytest.fixture
def folder(tmp_path, content) -> Path:
    (tmp_path / RECORD_NAME).write_bytes(content)
    return tmp_path


@pytest.fixture
def true(content, tmp_path_factory) -> list:
    folder = tmp_path_factory.mktemp("true")
    (folder / RECORD_NAME).write_bytes(content)
    return read_events(folder)[0]


def kept_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(f"{RECORD_NAME}*"))


def repaired(folder: Path, damaged: bytes, true: list) -> int:
    """Repair those bytes; how many rows were kept, all of them true ones; 0 when the record is refused as it is."""
    for path in folder.iterdir():
        path.unlink()
    (folder / RECORD_NAME).write_bytes(damaged)
    said, refusal = (), ""
    try:
        said = repair_record(folder)
    except RecordError as error:
        refusal = str(error)
    if not said:
        assert "not one row at its beginning can be saved" in refusal
        assert (folder / RECORD_NAME).read_bytes() == damaged
        return 0
    events, _ = read_events(folder)
    assert events == true[: len(events)]
    if "nothing to repair" not in said[0]:
        assert (folder / f"{RECORD_NAME}.damaged-1").read_bytes() == damaged
    return len(events)


def test_cut_anywhere(tmp_path, content, true):
    last_page = range(len(content) - PAGE, len(content), 57)
    kept = [repaired(tmp_path, content[:size], true) for size in [*range(0, len(content), 1009), *last_page]]
    assert kept[0] == 0
    assert kept[-1] >= len(true) - 12
    assert kept == sorted(kept)


@pytest.mark.parametrize(
    "filler",
    [bytes(PAGE), b"\xff" * PAGE, random.Random(0).randbytes(PAGE), bytes(100)],
    ids=["zeros", "ones", "random", "its head"],
)
def test_any_page_lost(tmp_path, content, true, filler):
    kept = []
    for at in range(0, len(content), PAGE):
        damaged = content[:at] + filler + content[at + len(filler) :]
        kept.append(repaired(tmp_path, damaged, true))
    assert kept[0] == len(true)  # the first page holds no rows
    assert max(kept[-2:]) > len(true) // 2
    assert 0 in kept or len(filler) < PAGE  # a page of the first row


def test_any_bit_flipped(tmp_path, content, true):
    rng = random.Random(0)
    for _ in range(150):
        damaged = bytearray(content)
        damaged[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        repaired(tmp_path, bytes(damaged), true)


@pytest.mark.parametrize("at", range(0, 100, 4))
def test_any_part_of_the_header_lost(tmp_path, content, true, at):
    for filler in (bytes(4), b"\xb6\xff\x80\x01"):
        assert repaired(tmp_path, content[:at] + filler + content[at + 4 :], true) == len(true)


def change(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / RECORD_NAME)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE events SET payload = replace(payload, 'number', 'numbed') WHERE number = 20",
        "UPDATE events SET checksum = '0123456789abcdef' WHERE number = 20",
        "DELETE FROM events WHERE number = 20",
        "UPDATE events SET number = 900 WHERE number = 20",
    ],
)
def test_what_is_kept_and_lost_is_said(folder, true, damage):
    change(folder, damage)
    before = (folder / RECORD_NAME).read_bytes()
    for attempt in (read_run, open_store):
        with pytest.raises(RecordError, match=r"row 20 .*give repair=true"):
            attempt(folder)
    said = repair_record(folder)
    events, warnings = read_events(folder)
    assert (events, warnings) == (true[:19], [])
    assert "19 rows before the damage were kept" in said[0]
    assert said[0].endswith(f"The damaged file is {folder / RECORD_NAME}.damaged-1.")
    last = len(true)
    assert said[1].startswith(f"Rows 20 to {last} are lost ({last - 19} rows): row 20 is damaged or missing")
    assert "began 1 session and held the results of 15 trials, from trial 9 on." in said[1]
    assert said[2] == "A resumed search goes on with trial 9 and evaluates trial 8 again."
    assert (folder / f"{RECORD_NAME}.damaged-1").read_bytes() == before


def test_a_repaired_search_goes_on_as_if_nothing_had_happened(folder):
    before = read_run(folder)
    change(folder, "DELETE FROM events WHERE number = 20")
    repair_record(folder)
    search = start(folder, samples=24)
    run_serial(search, Hashed)
    end(search)
    after = read_run(folder)
    assert decisions_of(after.trials) == decisions_of(before.trials)
    assert [trial.reward for trial in after.trials] == [trial.reward for trial in before.trials]
    assert {trial.state for trial in after.trials} <= {TrialState.COMPLETE, TrialState.DUPLICATE}


def test_a_whole_record_stays_as_it_is(folder, content, true):
    said = repair_record(folder)
    assert said == (f"record {folder / RECORD_NAME} is whole; there was nothing to repair.",)
    assert (folder / RECORD_NAME).read_bytes() == content
    assert kept_files(folder) == [RECORD_NAME]
    assert read_repaired(folder) == read_run(folder)


def test_a_torn_last_row_needs_no_repair(folder, true):
    change(folder, f"UPDATE events SET checksum = 'x' WHERE number = {len(true)}")
    assert "nothing to repair" in repair_record(folder)[0]
    assert "torn" in read_run(folder).warnings[0]


def test_an_earlier_damaged_file_is_never_overwritten(folder, content):
    for number in (1, 2, 3):
        damaged = content[: -PAGE * number]
        (folder / RECORD_NAME).write_bytes(damaged)
        repair_record(folder)
        assert (folder / f"{RECORD_NAME}.damaged-{number}").read_bytes() == damaged
    assert kept_files(folder) == [RECORD_NAME, *(f"{RECORD_NAME}.damaged-{number}" for number in (1, 2, 3))]


def test_reading_repaired_changes_nothing(folder, true):
    change(folder, "DELETE FROM events WHERE number = 20")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    run = read_repaired(folder)
    assert len(run.trials) == 9
    assert len(run.sessions) == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != ".lock"} == before


def test_a_search_that_is_running_is_not_repaired(folder):
    with open_store(folder):
        for attempt in (repair_record, read_repaired):
            with pytest.raises(RecordError, match="is in use by another search"):
                attempt(folder)


@pytest.mark.parametrize("damaged", [b"", b"trial,reward\n" * 900, bytes(9000)])
def test_a_record_without_one_whole_row_is_refused(tmp_path, damaged):
    (tmp_path / RECORD_NAME).write_bytes(damaged)
    with pytest.raises(RecordError, match="not one row at its beginning can be saved; restore it from a copy"):
        repair_record(tmp_path)
    assert (tmp_path / RECORD_NAME).read_bytes() == damaged
    assert kept_files(tmp_path) == [RECORD_NAME]


def test_no_record(tmp_path):
    with pytest.raises(RecordError, match=r"holds no record\.db"):
        repair_record(tmp_path)


def interrupt_commit(folder: Path, true: list) -> None:
    """As a process that is killed in the middle of a large commit: pages are overwritten, the journal is there."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    try:
        connection = connect(folder / RECORD_NAME)
        connection.execute("PRAGMA cache_size=1")
        connection.execute("BEGIN IMMEDIATE")
        rows = [to_row(len(true) + 1 + at, true[0]) for at in range(40)]
        connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
    finally:
        os._exit(0)


def test_an_interrupted_commit_is_undone_and_no_damage(folder, content, true):
    interrupt_commit(folder, true)
    assert (folder / JOURNAL).stat().st_size > 0
    assert (folder / RECORD_NAME).read_bytes() != content
    assert "nothing to repair" in repair_record(folder)[0]
    assert read_events(folder)[0] == true


@pytest.mark.parametrize("at", [0, PAGE])
def test_damage_and_an_interrupted_commit_lose_nothing_that_was_committed(folder, true, at):
    interrupt_commit(folder, true)
    damaged = bytearray((folder / RECORD_NAME).read_bytes())
    damaged[at : at + 100] = bytes(100)
    (folder / RECORD_NAME).write_bytes(damaged)
    repair_record(folder)
    events = read_events(folder)[0]
    assert events[: len(true)] == true
    assert all(event == true[0] for event in events[len(true) :])


@pytest.mark.parametrize("kept_bytes", [600, 5000, 9000])
def test_a_journal_that_is_damaged_too_is_kept_beside_and_not_used_again(folder, true, kept_bytes):
    interrupt_commit(folder, true)
    journal = (folder / JOURNAL).read_bytes()[:kept_bytes]
    (folder / JOURNAL).write_bytes(journal)
    damaged = bytearray((folder / RECORD_NAME).read_bytes())
    damaged[8 * PAGE : 9 * PAGE] = bytes(PAGE)
    (folder / RECORD_NAME).write_bytes(damaged)
    said = repair_record(folder)
    assert "is repaired" in said[0]
    assert (folder / f"{RECORD_NAME}.damaged-1").read_bytes() == damaged
    assert (folder / f"{RECORD_NAME}.damaged-1-journal").read_bytes() == journal
    assert not (folder / JOURNAL).exists()
    events = read_events(folder)[0]
    assert 10 < len(events) < len(true)
    assert events == true[: len(events)]


def test_a_journal_of_another_file_spoils_nothing(folder, content, true, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    store = open_store(other)
    store.append([true[-1]] * 30)
    store.close()
    interrupt_commit(other, true)
    (folder / JOURNAL).write_bytes((other / JOURNAL).read_bytes())
    repair_record(folder)
    assert read_events(folder)[0] == true
    assert kept_files(folder) == [RECORD_NAME, f"{RECORD_NAME}.damaged-1", f"{RECORD_NAME}.damaged-1-journal"]


def test_a_row_of_another_version_is_no_damage(folder, true):
    Unknown = type("Unknown", (), {"to_json": lambda self: {"kind": "paused"}})
    with open_store(folder) as store:
        store.append([Unknown()])
        number = store._rows
    with pytest.raises(RecordError, match=rf"row {number}: an event has kind 'paused'"):
        repair_record(folder)
    assert kept_files(folder) == [RECORD_NAME]


def test_what_cannot_be_written_leaves_the_record_as_it_was(folder, monkeypatch):
    change(folder, "DELETE FROM events WHERE number = 20")
    before = (folder / RECORD_NAME).read_bytes()
    monkeypatch.setattr("nas.engine.repair.write_file", no_room)
    with pytest.raises(Exception, match=r"record\.db cannot be written: No space left on device"):
        repair_record(folder)
    assert (folder / RECORD_NAME).read_bytes() == before
    assert kept_files(folder) == [RECORD_NAME]


def no_room(path, rows):
    raise OSError(28, "No space left on device")


def test_the_controller_is_brought_to_the_point_where_the_repaired_record_ends(folder):
    change(folder, "DELETE FROM events WHERE number = 21")
    repair_record(folder)
    controller = Drifting()
    search = start(folder, controller, samples=24)
    assert len(search.history.trials) == 9
    assert controller.log[0][0] == "ask"
    end(search)


def test_a_repair_that_is_killed_is_made_again(folder, true):
    interrupt_commit(folder, true)
    damaged = bytearray((folder / RECORD_NAME).read_bytes())
    damaged[8 * PAGE : 9 * PAGE] = bytes(PAGE)
    (folder / RECORD_NAME).write_bytes(damaged)
    journal = (folder / JOURNAL).read_bytes()
    if not (child := os.fork()):
        repair.sync_folder = lambda folder: os._exit(9)  # right before the new record takes its place
        repair_record(folder)
    os.waitpid(child, 0)
    assert (folder / RECORD_NAME).read_bytes() == damaged
    assert (folder / f"{RECORD_NAME}.damaged-1").read_bytes() == damaged
    assert (folder / f"{RECORD_NAME}.damaged-1-journal").read_bytes() == journal
    assert "is repaired" in repair_record(folder)[0]
    events = read_events(folder)[0]
    assert events == true[: len(events)]
    assert len(events) > 10
