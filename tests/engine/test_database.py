"""The lock of a run folder, connections, and what SQLite and the system raise as sentences."""

import os
import sqlite3

import pytest

from nas.engine.database import connect, locked, sentences
from search_spaces.errors import RecordError


def sqlite_error(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (sqlite_error("SQLITE_FULL"), "cannot be written, nothing was lost: free space on the disk, then resume"),
        (sqlite_error("SQLITE_IOERR_WRITE"), "cannot be written or read; what it held is kept"),
        (sqlite_error("SQLITE_BUSY"), "is locked by another program"),
        (sqlite_error("SQLITE_CORRUPT_INDEX"), "is damaged"),
        (sqlite_error("SQLITE_MISUSE"), "cannot be used (as SQLite says it)"),
        (OSError(28, "No space left on device"), "cannot be written: No space left on device"),
    ],
)
def test_every_error_becomes_one_sentence_that_names_the_record(tmp_path, error, said):
    with pytest.raises(RecordError) as caught, sentences(tmp_path / "record.db"):
        raise error
    assert str(caught.value).startswith(f"record {tmp_path / 'record.db'} {said}")
    assert "\n" not in str(caught.value)


def test_other_errors_pass(tmp_path):
    with pytest.raises(KeyError), sentences(tmp_path):
        raise KeyError("trial")


def test_the_lock_outlives_the_block_and_ends_with_its_descriptor(tmp_path):
    with locked(tmp_path) as lock:
        pass
    assert (tmp_path / ".lock").read_text() == str(os.getpid())
    with pytest.raises(RecordError, match=rf"in use by another search \(process {os.getpid()}\)"), locked(tmp_path):
        pass
    os.close(lock)
    with locked(tmp_path) as lock:
        os.close(lock)


def test_a_block_that_raises_unlocks_the_folder(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError("trial")
    with locked(tmp_path) as lock:
        os.close(lock)


def test_a_connection_opens_what_is_there_and_makes_nothing(tmp_path):
    with pytest.raises(RecordError, match="cannot be opened"):
        connect(tmp_path / "record.db")
    assert list(tmp_path.iterdir()) == []
    sqlite3.connect(tmp_path / "a b?.db").close()
    (tmp_path / "a b?.db").touch()
    connection = connect(tmp_path / "a b?.db")
    assert connection.execute("SELECT 'text'").fetchone() == (b"text",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
    connection.close()
