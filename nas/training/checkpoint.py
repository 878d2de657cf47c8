"""The state of a training on the disk: everything that going on needs, in safetensors and JSON.

``state/step-00000120-7/``, the seventh, is published in one step and only then are older ones removed, so that whatever
ends the process, or fills the disk, the last whole state is there. The states of random generators are not in it: the
order of the images, their variation and what a step draws are functions of the seed and the step.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from nas.disk import publishing, replacing, sync_folder
from nas.training.plan import Plan
from search_spaces.errors import FileError, RecordError

STATE = "state"
VERSION = 1
_TENSORS, _DESCRIPTION = "tensors.safetensors", "state.json"
_NAME = re.compile(r"step-\d+-(\d+)")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is, beside its tensors.

    Attributes:
        step: optimiser steps that are made.
        plan: how long it is.
        seconds: what it took so far, in all sessions.
        validating: how many of them went into validations.
        decided_at: the seconds at which the plan was decided last; 0 for never.
        best: the best score of a validation; None before there is one.
        best_step: the step after which it was reached.
        without_gain: validations since then.
        due: whether a validation comes before the next step.
        over: why it is over; empty while it is not.
    """

    step: int
    plan: Plan
    seconds: float = 0.0
    validating: float = 0.0
    decided_at: float = 0.0
    best: float | None = None
    best_step: int = 0
    without_gain: int = 0
    due: bool = False
    over: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """All that a training goes on from.

    Attributes:
        progress: how far it is.
        tensors: weights, averages and the optimiser's, by name.
        about: settings, identity of the data set, versions, commit; JSON-serialisable.
    """

    progress: Progress
    tensors: Mapping[str, Tensor]
    about: Mapping[str, Any] = field(default_factory=dict)


def write_state(folder: Path, state: State) -> Path:
    """Publish a state below a run folder, and remove older ones.

    Raises:
        FileError: it cannot be written, for example because the disk is full; the last whole one is still there.
    """
    older = _states(folder)
    place = folder / STATE / f"step-{state.progress.step:08d}-{max(older, default=0) + 1}"
    description = {"version": VERSION, "progress": asdict(state.progress), "about": dict(state.about)}
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with publishing(place) as partial:
            with replacing(partial / _TENSORS) as file:
                save_file({name: tensor.detach().contiguous() for name, tensor in state.tensors.items()}, file)
            with replacing(partial / _DESCRIPTION) as file:
                file.write_text(json.dumps(description), encoding="utf-8")
        sync_folder(place.parent)
    except (OSError, SafetensorError, FileError) as error:
        reason = getattr(error, "strerror", None) or getattr(error.__cause__, "strerror", None) or error
        raise FileError(f"the state of the training cannot be written to {place}: {reason}.") from None
    for left in (*older.values(), *place.parent.glob("*.partial-*")):
        shutil.rmtree(left, ignore_errors=True)
    return place


def has_state(folder: Path) -> bool:
    """Whether a run folder holds a state."""
    return bool(_states(folder))


def read_about(folder: Path) -> dict[str, Any]:
    """What :func:`write_state` was told about the training.

    Raises:
        RecordError: there is no state, or it cannot be read.
    """
    return dict(_describe(_last(folder))["about"])


def read_progress(folder: Path) -> Progress:
    """How far the training in a run folder is.

    Raises:
        RecordError: there is no state, or it cannot be read.
    """
    return _progress(_last(folder))


def read_state(folder: Path, device: torch.device | str = "cpu") -> State:
    """The last whole state in a run folder.

    Raises:
        RecordError: there is none, or it cannot be read.
    """
    place = _last(folder)
    try:
        tensors = load_file(place / _TENSORS, str(device))
    except (OSError, SafetensorError) as error:
        raise RecordError(f"state {place} cannot be read: {error}.") from None
    return State(_progress(place), tensors, _describe(place)["about"])


def _last(folder: Path) -> Path:
    states = _states(folder)
    if not states:
        raise RecordError(f"run folder {folder} holds no state of a training; give run=DIR of a training.")
    return states[max(states)]


def _states(folder: Path) -> dict[int, Path]:
    """Number -> folder of a whole state."""
    found = {_NAME.fullmatch(path.name): path for path in (folder / STATE).glob("step-*")}
    return {int(name.group(1)): path for name, path in found.items() if name}


def _describe(place: Path) -> dict[str, Any]:
    try:
        description = json.loads((place / _DESCRIPTION).read_text(encoding="utf-8"))
        version = description["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RecordError(f"state {place} cannot be read: {error}.") from None
    if version != VERSION:
        raise RecordError(f"state {place} has version {version!r}; this version of the project reads {VERSION}.")
    return dict(description)


def _progress(place: Path) -> Progress:
    try:
        values = _describe(place)["progress"]
        return Progress(**{**values, "plan": Plan(**values["plan"])})
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"state {place} cannot be read: {error}.") from None
