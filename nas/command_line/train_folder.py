"""Which folder a training works in, and what it can take from an earlier training or a search there."""

from __future__ import annotations

import os
from pathlib import Path

from nas.command_line.config import Config
from nas.command_line.run_folder import RUNS, existing_folder, new_folder
from nas.engine.record import read_run
from nas.engine.store import RECORD_NAME
from search_spaces.errors import RecordError

STATE = "state"


def is_search(run: object) -> bool:
    """Whether ``run`` names the folder of a search."""
    return isinstance(run, str) and os.path.isfile(os.path.join(run, RECORD_NAME))


def search_configuration(config: Config) -> Config:
    """The settings of a training that the search in ``run`` knows: its data set.

    Raises:
        RecordError: its record cannot be read.
    """
    session = read_run(existing_folder(config["run"])).sessions[-1]
    return {"data": session.config["data"]}


def configuration_of_run(run: object) -> Config:
    """The settings of the training in a run folder, by default the one whose state was written last.

    Raises:
        RecordError: there is no training.
    """
    from nas.training.checkpoint import read_about

    folder = _existing(run)
    config: Config = read_about(folder)["config"]
    return {**config, "run": str(folder)}


def training_folder(config: Config) -> Path:
    """The folder of a training: of the one that goes on, or a new one.

    Raises:
        RecordError: it holds a training already, or files that are not a run's.
    """
    if config["resume"]:
        return _existing(config["run"])
    run = config["run"]
    if isinstance(run, str) and os.path.isdir(os.path.join(run, STATE)):
        raise RecordError(f"run folder {run} holds a training; give resume=true to go on with it, or another run=.")
    named = config["weights"] if config["arch"] is None else config["arch"]
    label = Path(str(named or "spinenet-49")).stem
    return new_folder(run, "train", label, config["protocol"]["name"])


def _existing(run: object) -> Path:
    if run is not None:
        return Path(str(run))
    states = sorted(RUNS.glob(f"*/{STATE}"), key=lambda path: path.stat().st_mtime)
    if not states:
        raise RecordError(f"no training found under {RUNS}/; give run=DIR.")
    return states[-1].parent
