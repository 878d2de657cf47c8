"""Which folder a command works on."""

from __future__ import annotations

import re
import time
from pathlib import Path

from nas.engine.store import RECORD_NAME
from search_spaces.errors import FileError, RecordError
from search_spaces.settings import SettingError, as_yaml, fits

RUNS = Path("runs")
LABEL_BYTES = 64
LEFTOVERS = {".lock", f"{RECORD_NAME}.new", "ray.log"}  # of a search that ended before its record was there


def new_folder(run: object, *labels: str) -> Path:
    """The folder of a new search: ``run``, or a fresh one under ``runs/`` named by the labels and the time.

    Args:
        run: the path of a folder, or None.
        labels: what the parts of the search are called; characters that are awkward in a folder's name become ``-``,
            and long ones are cut.

    Raises:
        ConfigError: ``run`` is no path.
        RecordError: the folder holds a record already, or files that are not a run's.
    """
    run = _as_text(run)
    if run is None:
        name = "-".join([*map(folder_name, labels), time.strftime("%Y%m%d-%H%M%S")])
        folder, extra = RUNS / name, 1
        while folder.exists():
            folder, extra = RUNS / f"{name}-{extra}", extra + 1
        return folder
    folder = Path(run)
    if (folder / RECORD_NAME).exists():
        raise RecordError(
            f"run folder {folder} holds the record of a search; give resume=true to go on with it, or another run=."
        )
    if folder.exists() and (not folder.is_dir() or {path.name for path in folder.iterdir()} - LEFTOVERS):
        raise RecordError(f"run folder {folder} exists and is not an empty folder; give another run=.")
    return folder


def existing_folder(run: object) -> Path:
    """The folder of an earlier search: ``run``, or the one under ``runs/`` whose record was written last.

    Raises:
        ConfigError: ``run`` is no path.
        RecordError: there is no record in it.
    """
    run = _as_text(run)
    if run is None:
        records = sorted(RUNS.glob(f"*/{RECORD_NAME}"), key=lambda path: path.stat().st_mtime)
        if not records:
            raise RecordError(f"no run found under {RUNS}/; give run=DIR.")
        return records[-1].parent
    folder = Path(run)
    if not (folder / RECORD_NAME).is_file():
        raise RecordError(f"run folder {folder} holds no {RECORD_NAME}; give run=DIR of a search.")
    return folder


def output_folder(out: object) -> Path | None:
    """The folder that results are written into, made now where it is not there; None for None.

    Raises:
        FileError: it holds something already, or cannot be made.
    """
    if out is None:
        return None
    folder = Path(str(out))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = any(folder.iterdir())
    except OSError as error:
        raise FileError(
            f"out is {str(folder)!r}; it must be a folder that can be written ({error.strerror})."
        ) from None
    if taken:
        raise FileError(f"out folder {folder} holds files already; give another out=, or empty it.")
    return folder


def folder_name(label: str) -> str:
    """A label as a part of a folder's name, which has 255 bytes at most; awkward characters become ``-``."""
    return re.sub(r"[^\w.]+", "-", label).encode()[:LABEL_BYTES].decode(errors="ignore")


def _as_text(run: object) -> str | None:
    """The path of a folder; records of earlier versions have a number where it looks like one."""
    if run is None or isinstance(run, str):
        return run
    if fits(run, int):
        return str(run)
    raise SettingError("run", f"is {as_yaml(run)}; it must be the path of a folder or null.")
