"""Which folder a command works on."""

from __future__ import annotations

import time
from pathlib import Path

from search_spaces.errors import RecordError

RUNS = Path("runs")
RECORD = "record.db"
LEFTOVERS = {".lock", "record.db.new"}  # of a search that ended before its record was there


def new_folder(run: str | None, label: str) -> Path:
    """The folder of a new search: ``run``, or a fresh one under ``runs/`` named by ``label`` and the time.

    Raises:
        RecordError: the folder holds a record already, or files that are not a run's.
    """
    if run is None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        folder, extra = RUNS / f"{label}-{stamp}", 1
        while folder.exists():
            folder, extra = RUNS / f"{label}-{stamp}-{extra}", extra + 1
        return folder
    folder = Path(run)
    if (folder / RECORD).exists():
        raise RecordError(
            f"run folder {folder} holds the record of a search; give resume=true to go on with it, or another run=."
        )
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - LEFTOVERS):
        raise RecordError(f"run folder {folder} exists and is not an empty folder; give another run=.")
    return folder


def existing_folder(run: str | None) -> Path:
    """The folder of an earlier search: ``run``, or the newest under ``runs/``.

    Raises:
        RecordError: there is no record in it.
    """
    if run is None:
        records = sorted(RUNS.glob(f"*/{RECORD}"), key=lambda path: path.stat().st_mtime)
        if not records:
            raise RecordError(f"no run found under {RUNS}/; give run=DIR.")
        return records[-1].parent
    folder = Path(run)
    if not (folder / RECORD).is_file():
        raise RecordError(f"run folder {folder} holds no {RECORD}; give run=DIR of a search.")
    return folder
