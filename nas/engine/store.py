"""The file of the record: one SQLite database of rows with checksums, which is only ever appended to.

A row is one event of a search. :mod:`nas.engine.record` knows what the events mean; this module keeps the rows whole.
Every append is one transaction in rollback-journal mode, synchronised to the disk before it returns, so a killed
process leaves either all of it or nothing. At rest there is one file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from nas.disk import sync_folder
from nas.engine.database import REPAIR, connect, locked, sentences
from nas.engine.differences import first_difference
from nas.engine.events import Event, Json, SessionBegun, plain
from nas.engine.older import current_identity
from nas.engine.rows import from_rows, to_row
from search_spaces.errors import RecordError

RECORD_NAME = "record.db"
SCHEMA_VERSION = 1

_CREATE = "CREATE TABLE events (number INTEGER PRIMARY KEY, payload BLOB NOT NULL, checksum TEXT NOT NULL)"


class Store:
    """The record of one run folder, open for appending; the folder is locked until :meth:`close`.

    Attributes:
        folder: the run folder.
        events: what the record held when it was opened, the new session included.
        warnings: sentences about what was dropped on opening.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: int) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.warnings: list[str] = []
        self._connection = connection
        self._lock = lock
        self._rows = 0

    @classmethod
    def create(cls, folder: Path, identity: Json, config: Json, provenance: Json) -> Store:
        """Begin the record of a new search in ``folder``, which is made if it is not there.

        Args:
            folder: the run folder.
            identity: what makes the search this one (space, controller, proxy, data, seed); resuming compares it.
            config: the resolved configuration.
            provenance: commit, versions, device, fingerprint of the data set.

        Raises:
            RecordError: the folder holds a record, is in use by another search, or cannot be written.
        """
        path = folder / RECORD_NAME
        with sentences(path):
            folder.mkdir(parents=True, exist_ok=True)
        with locked(folder) as lock:
            if path.exists():
                raise RecordError(
                    f"run folder {folder} already holds a record; resume it or choose another run folder."
                )
            fresh = folder / f"{RECORD_NAME}.new"
            with sentences(path):
                write_file(fresh, [to_row(1, SessionBegun.now(identity, config, provenance))])
                os.replace(fresh, path)
                sync_folder(folder)
            return cls._load(folder, lock)

    @classmethod
    def open(cls, folder: Path, identity: Json, config: Json, provenance: Json) -> Store:
        """Go on with the record in ``folder`` in a new session; the arguments are those of :meth:`create`.

        A torn last row is dropped with a warning; what it said will be done again.

        Raises:
            RecordError: there is no record, it is damaged, it belongs to another search, or another process uses it.
        """
        require_record(folder)
        with locked(folder) as lock:
            store = cls._load(folder, lock)
            try:
                _check_identity(folder, store.events, identity)
                store._delete_torn_row()
                session = SessionBegun.now(identity, config, provenance)
                store.append([session])
                store.events.append(session)
            except BaseException:
                store._connection.close()
                raise
            return store

    @classmethod
    def _load(cls, folder: Path, lock: int) -> Store:
        connection = connect(folder / RECORD_NAME)
        try:
            store = cls(folder, connection, lock)
            store.events, store.warnings = _read(connection, folder / RECORD_NAME)
        except BaseException:
            connection.close()
            raise
        store._rows = len(store.events)
        return store

    def append(self, events: Sequence[Event]) -> None:
        """Write the events in one transaction; on return they are on the disk.

        Raises:
            RecordError: they cannot be written (the disk is full, for example); the record then holds none of them,
                and all that it held before.
        """
        rows = [to_row(self._rows + 1 + at, event) for at, event in enumerate(events)]
        with self._transaction():
            self._connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        self._rows += len(rows)

    def close(self) -> None:
        """Close the file and unlock the folder; a second call does nothing."""
        self._connection.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _delete_torn_row(self) -> None:
        """The only deletion: the row after the last whole one goes, so that its number can be used again."""
        if self.warnings:
            with self._transaction():
                self._connection.execute("DELETE FROM events WHERE number > ?", (self._rows,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with sentences(self.folder / RECORD_NAME):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    with suppress(sqlite3.Error):
                        self._connection.execute("ROLLBACK")
                raise


def read_events(folder: Path) -> tuple[list[Event], list[str]]:
    """The events of a run folder's record, and warnings about it; works while the search is running.

    Raises:
        RecordError: there is no record, or it is damaged.
    """
    require_record(folder)
    return read_file(folder / RECORD_NAME)


def read_file(path: Path) -> tuple[list[Event], list[str]]:
    """The events of the record ``path``, and warnings about it.

    Raises:
        RecordError: it is damaged.
    """
    connection = connect(path)
    try:
        connection.execute("PRAGMA query_only=ON")
        return _read(connection, path)
    finally:
        connection.close()


def require_record(folder: Path) -> None:
    """Raise :class:`RecordError` where the folder holds no record."""
    if not (folder / RECORD_NAME).is_file():
        raise RecordError(f"run folder {folder} holds no {RECORD_NAME}; give the folder of a search.")


def write_file(path: Path, rows: Iterable[tuple[int, bytes, str]]) -> None:
    """Make the record ``path`` of these rows; on return it is on the disk. A file that is there is lost.

    Raises:
        RecordError: it cannot be written.
    """
    with sentences(path):
        path.unlink(missing_ok=True)
        path.touch()
        _write(path, rows)


def _write(path: Path, rows: Iterable[tuple[int, bytes, str]]) -> None:
    connection = connect(path)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute(_CREATE)
        connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")
    finally:
        connection.close()


def _read(connection: sqlite3.Connection, path: Path) -> tuple[list[Event], list[str]]:
    with sentences(path):
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'events'").fetchall()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if not tables:
            raise RecordError(f"record {path} is not the record of a search: it has no table 'events'; {REPAIR}.")
        if version != SCHEMA_VERSION:
            raise RecordError(
                f"record {path} has schema version {version}; this version of the project reads {SCHEMA_VERSION}. "
                f"Where no other version wrote it, it is damaged: {REPAIR}."
            )
        rows = connection.execute("SELECT number, payload, checksum FROM events ORDER BY number").fetchall()
        for (found,) in connection.execute("PRAGMA quick_check"):
            if found != b"ok":
                problems = (line for line in found.decode().splitlines() if not line.startswith("***"))  # a heading
                raise RecordError(f"record {path} is damaged ({next(problems, 'SQLite refuses it')}); {REPAIR}.")
    return from_rows(rows, path)


def _check_identity(folder: Path, events: Sequence[Event], identity: Json) -> None:
    given = plain(identity)
    wanted = current_identity(given, given)  # what an earlier version wrote is compared in today's terms on both sides
    for event in events:
        if isinstance(event, SessionBegun) and (
            difference := first_difference(current_identity(event.identity, wanted), wanted)
        ):
            key, there, here = difference
            if key == "data.fingerprint":
                raise RecordError(
                    f"the data set is not the one that the search in {folder} was begun with (fingerprint {there}, "
                    f"here {here}): its annotations or image files differ; give data.root of a copy of that data set, "
                    "or another run=."
                )
            raise RecordError(
                f"run folder {folder} holds another search: its {key} is {there!r}, here it is {here!r}; "
                "give the same settings or another run folder."
            )
