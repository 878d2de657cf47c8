"""The file of the record: whole rows, whatever ends the writer, and sentences for all that is wrong with it."""

import os
import resource
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from nas.engine import RECORD_NAME, TrialState, read_run, run_serial
from nas.engine.events import Finished
from nas.engine.rows import checksum
from nas.engine.store import Store
from search_spaces.errors import RecordError
from tests.engine.engine_support import IDENTITY, Hashed, end, open_store, start


@pytest.fixture
def finished(tmp_path) -> Path:
    """A run folder with six evaluated trials."""
    folder = tmp_path / "run"
    search = start(folder, samples=6)
    run_serial(search, Hashed)
    end(search)
    return folder


def sql(folder: Path, statement: str, *values) -> list:
    with sqlite3.connect(folder / RECORD_NAME) as connection:
        rows = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


def last_row(folder: Path) -> int:
    return sql(folder, "SELECT max(number) FROM events")[0][0]


def test_what_is_written_is_read(finished):
    run = read_run(finished)
    assert [trial.number for trial in run.trials] == list(range(6))
    assert {trial.state for trial in run.trials} == {TrialState.COMPLETE}
    assert run.sessions[0].config == {"samples": 5}
    assert run.sessions[0].provenance == {"commit": "abc"}
    trial = run.trials[3]
    assert trial.architecture.fingerprint == trial.fingerprint
    assert trial.measurement.ap == trial.reward
    assert trial.measurement.metrics == {"AP50": 0.5}
    assert trial.started <= trial.finished
    assert trial.attempts == 1
    assert run.warnings == ()


def test_one_file_and_a_lock_at_rest(finished):
    assert sorted(os.listdir(finished)) == [".lock", RECORD_NAME]


def test_readable_while_open(tmp_path):
    search = start(tmp_path, samples=3)
    trial = search.next_trial()
    assert read_run(tmp_path).trials[0].state is TrialState.RUNNING
    search.finish(trial, Hashed().evaluate(trial.architecture, trial.seed))
    assert read_run(tmp_path).trials[0].state is TrialState.COMPLETE


@pytest.mark.parametrize("damage", ["payload", "checksum", "short"])
def test_torn_last_row_is_dropped_and_done_again(finished, damage):
    column, value = {
        "payload": ("payload", b'{"kind":"finished","number":5'),
        "checksum": ("checksum", "0123456789abcdef"),
        "short": ("payload", b""),
    }[damage]
    before = read_run(finished)
    sql(finished, f"UPDATE events SET {column} = ? WHERE number = ?", value, last_row(finished))
    torn = read_run(finished)
    assert torn.trials[5].state is TrialState.RUNNING
    assert "torn" in torn.warnings[0]
    search = start(finished, samples=6)
    assert "torn" in search._store.warnings[0]
    run_serial(search, Hashed)
    end(search)
    after = read_run(finished)
    assert after.warnings == ()
    assert len(after.sessions) == 2
    assert [(trial.decisions, trial.reward) for trial in after.trials] == [
        (trial.decisions, trial.reward) for trial in before.trials
    ]


def test_torn_last_proposal_is_made_again(tmp_path):
    search = start(tmp_path)
    proposed = search.next_trial()
    end(search)
    sql(tmp_path, "UPDATE events SET payload = x'00' WHERE number = ?", last_row(tmp_path))
    assert read_run(tmp_path).trials == ()
    again = start(tmp_path).next_trial()
    assert again == proposed


def damage_middle(folder):
    sql(folder, "UPDATE events SET payload = replace(payload, 'a', 'b') WHERE number = 4")


def damage_version(folder):
    sql(folder, "PRAGMA user_version = 7")


def damage_gap(folder):
    sql(folder, "DELETE FROM events WHERE number = 4")


def damage_text(folder):
    (folder / RECORD_NAME).write_text("trial,reward\n" * 500)


def damage_empty(folder):
    (folder / RECORD_NAME).write_bytes(b"")


def damage_table(folder):
    sql(folder, "DROP TABLE events")


def damage_half(folder):
    path = folder / RECORD_NAME
    os.truncate(path, path.stat().st_size // 2)


def damage_last_page(folder):
    path = folder / RECORD_NAME
    os.truncate(path, path.stat().st_size - 4096)


def damage_mid_page(folder):
    path = folder / RECORD_NAME
    data = bytearray(path.read_bytes())
    data[8192:8292] = bytes(100)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_middle, "row 4 of 13 fails its checksum"),
        (damage_version, "schema version 7"),
        (damage_gap, "row 4 is missing"),
        (damage_text, "is not the record of a search"),
        (damage_empty, "is not the record of a search"),
        (damage_table, "is not the record of a search"),
        (damage_half, "is damaged"),
        (damage_last_page, "is damaged"),
        (damage_mid_page, "is damaged|fails its checksum"),
    ],
)
def test_anything_worse_is_refused(finished, damage, said):
    damage(finished)
    content = (finished / RECORD_NAME).read_bytes()
    for attempt in (read_run, open_store):
        with pytest.raises(RecordError, match=said) as caught:
            attempt(finished)
        assert str(finished) in str(caught.value)
    assert (finished / RECORD_NAME).read_bytes() == content


def test_an_event_out_of_place_is_refused(finished):
    with open_store(finished) as store:
        store.append([Finished(0, TrialState.FAILED, None, None, "again.", 1.0, 2.0, 1)])
    for attempt in (read_run, start):
        with pytest.raises(RecordError, match=r"record\.db: trial 0 was answered, but it is not running") as caught:
            attempt(finished)
        assert str(finished) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"kind":"paused"}', "row 14: an event has kind 'paused'; it must be one of session, ended, proposed"),
        (b'{"kind":"finished","number":5,"state":"complete"}', "row 14: event finished of trial 5 has no 'reward'"),
    ],
)
def test_an_event_that_is_not_known_is_refused(finished, data, said):
    sql(finished, "INSERT INTO events VALUES (14, ?, ?)", data, checksum(14, data))
    for attempt in (read_run, open_store):
        with pytest.raises(RecordError, match=said) as caught:
            attempt(finished)
        assert str(finished) in str(caught.value)


def test_no_record(tmp_path):
    for attempt in (read_run, lambda folder: Store.open(folder, {}, {}, {})):
        with pytest.raises(RecordError, match=r"holds no record\.db"):
            attempt(tmp_path / "nowhere")


def test_create_does_not_overwrite(finished):
    content = (finished / RECORD_NAME).read_bytes()
    with pytest.raises(RecordError, match="already holds a record"):
        Store.create(finished, IDENTITY, {}, {})
    assert (finished / RECORD_NAME).read_bytes() == content


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        Store.create(tmp_path / "file", IDENTITY, {}, {})


def test_another_search_is_named_by_its_key(finished):
    content = (finished / RECORD_NAME).read_bytes()
    with pytest.raises(RecordError, match=r"its space\.name is 'toy', here it is 'spinenet'"):
        open_store(finished, space={"name": "spinenet"})
    with pytest.raises(RecordError, match="its data is None, here it is 'coco'"):
        open_store(finished, data="coco")
    assert (finished / RECORD_NAME).read_bytes() == content


def test_a_second_driver_is_refused(finished):
    with open_store(finished), pytest.raises(RecordError, match=rf"in use by another search \(process {os.getpid()}\)"):
        open_store(finished)
    open_store(finished).close()


def test_a_full_database_keeps_what_it_has(finished):
    before = read_run(finished).trials
    search = start(finished, samples=500)
    pages = search._store._connection.execute("PRAGMA page_count").fetchone()[0]
    search._store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(RecordError, match=r"cannot be written, nothing was lost: free space.*full"):
        run_serial(search, Hashed)
    end(search)
    kept = read_run(finished).trials
    assert kept[:6] == before
    search = start(finished, samples=len(kept) + 2)
    run_serial(search, Hashed)
    assert search.stop_reason.startswith("all")


def test_the_system_refuses_to_write_more(tmp_path):
    folder, said = tmp_path / "run", tmp_path / "said"
    if not (child := os.fork()):
        limit_and_run(folder, said)
    os.waitpid(child, 0)
    assert said.read_text().startswith(f"RecordError record {folder / RECORD_NAME} cannot be written")
    kept = read_run(folder).trials
    complete = [trial for trial in kept if trial.state is TrialState.COMPLETE]
    assert len(complete) >= 3
    search = start(folder, samples=len(kept) + 1)
    assert search.history.trials[: len(complete)] == complete
    run_serial(search, Hashed)
    assert search.stop_reason.startswith("all")


def limit_and_run(folder: Path, said: Path) -> None:
    """In a process of its own: no file may grow beyond 40,000 bytes."""
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40000, 40000))
        run_serial(start(folder, samples=500), Hashed)
    except BaseException as error:
        said.write_text(f"{type(error).__name__} {error}")
    finally:
        os._exit(0)


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="needs root to mount a small disk")
def test_a_full_disk(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        search = start(disk / "run", samples=500)
        with pytest.raises(RecordError, match="free space on the disk"):
            run_serial(search, Hashed)
        end(search)
        assert sum(trial.state is TrialState.COMPLETE for trial in read_run(disk / "run").trials) >= 3
        fill(disk / "filler")
        with pytest.raises(RecordError, match="cannot be written"):
            Store.create(disk / "other", IDENTITY, {}, {})
        assert not (disk / "other" / RECORD_NAME).exists()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            return
