"""A damaged record repaired: its whole rows before the damage in a new file, the damaged file kept beside it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nas.disk import replacing, sync_folder
from nas.engine.database import locked, sentences
from nas.engine.events import Event, Finished, SessionBegun, event_from_json
from nas.engine.record import Run, fold, read_run
from nas.engine.rows import from_rows
from nas.engine.salvage import Row, find_rows, whole_prefix
from nas.engine.store import RECORD_NAME, read_file, require_record, write_file
from nas.engine.trial import TrialState
from nas.words import plural
from search_spaces.errors import RecordError


@dataclass(frozen=True, slots=True)
class Salvage:
    """What a damaged record still holds.

    Attributes:
        files: content of the damaged files, by name: the record, and the journal of an interrupted commit if it is
            there.
        rows: whole rows 1, 2, ... before the damage; at least one.
        run: what these rows say.
        beyond: whole rows after the damage, by number. They are of no use, since each builds on all before it.
    """

    files: dict[str, bytes]
    rows: tuple[Row, ...]
    run: Run
    beyond: tuple[Row, ...]


def repair_record(folder: Path | str) -> tuple[str, ...]:
    """Repair the record of a run folder and say what was kept and what was lost, in sentences.

    The new record takes the damaged one's place in one step. The damaged file stays in the folder under a name of its
    own (``record.db.damaged-1``, ``-2``, ...), with the journal that belongs to it. A whole record stays as it is.

    Raises:
        RecordError: there is no record, another process uses it, no row of it can be saved, or it cannot be written.
        FileError: there is no room for the damaged file or the new one; the record is then as it was.
    """
    folder = Path(folder)
    path = folder / RECORD_NAME
    with _locked(folder):
        saved = _salvage(folder)
        if saved is None:
            return (f"record {path} is whole; there was nothing to repair.",)
        with replacing(path) as temporary:
            write_file(temporary, saved.rows)
            kept = _keep(saved.files, folder)
            _journal(path).unlink(missing_ok=True)  # SQLite would undo a commit of the old file in the new one
            sync_folder(folder)
    return (
        f"record {path} was damaged and is repaired: {plural(len(saved.rows), 'row')} before the damage "
        f"{'was' if len(saved.rows) == 1 else 'were'} kept. The damaged file is {kept}.",
        _what_is_lost(saved),
        _what_is_next(saved.run),
    )


def read_repaired(folder: Path | str) -> Run:
    """What the record will say once it is repaired; changes nothing.

    Raises:
        RecordError: there is no record, another process uses it, or no row of it can be saved.
    """
    folder = Path(folder)
    with _locked(folder):
        saved = _salvage(folder)
        return read_run(folder) if saved is None else saved.run


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    require_record(folder)
    with locked(folder) as lock:
        yield
    os.close(lock)


def _salvage(folder: Path) -> Salvage | None:
    """What can be saved of the record; None when it is whole.

    SQLite undoes an interrupted commit when it opens a file, so it is given a copy. What it undoes wrongly (with a
    damaged journal, or one of another file) is found in the file as it was.
    """
    path = folder / RECORD_NAME
    with sentences(path):
        files = {one.name: one.read_bytes() for one in (path, _journal(path)) if one.exists()}
        with tempfile.TemporaryDirectory(prefix="record-") as copies:
            for name, content in files.items():
                (Path(copies) / name).write_bytes(content)
            if _is_whole(Path(copies) / RECORD_NAME):
                return None
            contents = [(Path(copies) / RECORD_NAME).read_bytes(), files[RECORD_NAME]]
    found = max((find_rows(content) for content in contents), key=lambda rows: len(whole_prefix(rows)))
    rows = whole_prefix(found)
    if not rows:
        raise RecordError(
            f"record {path}: not one row at its beginning can be saved; restore it from a copy or choose another run "
            "folder."
        )
    beyond = tuple(found[number] for number in sorted(found) if number > len(rows))
    events, _ = from_rows([(number, payload, check.encode()) for number, payload, check in rows], path)
    return Salvage(files, rows, fold(events, path), beyond)


def _is_whole(path: Path) -> bool:
    try:
        read_file(path)
    except RecordError:
        return False
    return True


def _journal(path: Path) -> Path:
    """Where SQLite keeps what an interrupted commit has overwritten."""
    return path.with_name(f"{path.name}-journal")


def _keep(files: dict[str, bytes], folder: Path) -> Path:
    """Write the damaged files under a new name in the folder; the path of the record among them."""
    number = 1
    while any(folder.glob(f"{RECORD_NAME}.damaged-{number}*")):
        number += 1
    kept = folder / f"{RECORD_NAME}.damaged-{number}"
    for name, content in files.items():
        with replacing(kept.with_name(name.replace(RECORD_NAME, kept.name))) as temporary:
            temporary.write_bytes(content)
    return kept


def _what_is_lost(saved: Salvage) -> str:
    kept = len(saved.rows)
    if not saved.beyond:
        return f"No whole row was found after row {kept}; if the file held more rows, they are lost."
    last = saved.beyond[-1][0]
    events = _events(saved.beyond)
    sessions = sum(isinstance(event, SessionBegun) for event in events)
    numbers = [event.number for event in events if isinstance(event, Finished)]
    parts = [f"began {plural(sessions, 'session')}"] if sessions else []
    if numbers:
        parts.append(f"held the results of {plural(len(numbers), 'trial')}, from trial {min(numbers)} on")
    among = f" The whole rows among them {' and '.join(parts)}." if parts else ""
    lost = f"Row {kept + 1} is" if last == kept + 1 else f"Rows {kept + 1} to {last} are"
    return (
        f"{lost} lost ({plural(last - kept, 'row')}): row {kept + 1} is damaged or missing, and each row builds on all "
        f"before it.{among}"
    )


def _events(rows: Sequence[Row]) -> list[Event]:
    """Events of rows that need not follow each other; rows that hold none that is known are left out."""
    events: list[Event] = []
    for _, payload, _ in rows:
        try:
            events.append(event_from_json(json.loads(payload)))
        except (RecordError, ValueError):
            continue
    return events


def _what_is_next(run: Run) -> str:
    again = [trial.number for trial in run.trials if trial.state is TrialState.RUNNING]
    first = f"A resumed search goes on with trial {len(run.trials)}"
    if not again:
        return f"{first}."
    listed = ", ".join(map(str, again))
    return f"{first} and evaluates {'trial' if len(again) == 1 else 'trials'} {listed} again."
