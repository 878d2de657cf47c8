"""A state is written whole or not at all, and the last whole one is read."""

import json

import pytest
import torch

from nas.training.checkpoint import (
    STATE,
    Progress,
    State,
    has_state,
    read_about,
    read_progress,
    read_state,
    write_state,
)
from nas.training.plan import Plan
from search_spaces.errors import FileError, RecordError

PROGRESS = Progress(3, Plan(9).ending_at(7, 2), 1.5, 0.75, 0.5, 0.25, 2, 1, True, "")


def state(step: int = 3) -> State:
    progress = Progress(step, PROGRESS.plan, 1.5, 0.75, 0.5, 0.25, 2, 1, True, "")
    return State(progress, {"a": torch.arange(3.0), "b.c": torch.tensor(2)}, {"seed": 1, "names": ["ünï"]})


def test_what_is_written_is_read(tmp_path):
    assert not has_state(tmp_path)
    write_state(tmp_path, state())
    found = read_state(tmp_path)
    assert found.progress == PROGRESS == read_progress(tmp_path)
    assert found.tensors["a"].equal(torch.arange(3.0))
    assert read_about(tmp_path) == found.about == {"seed": 1, "names": ["ünï"]}


def test_the_last_one_stays_alone_and_leavings_are_removed(tmp_path):
    for step in (1, 5, 5, 2):
        write_state(tmp_path, state(step))
        (tmp_path / STATE / "step-00000009-9.partial-host-1").mkdir(exist_ok=True)
    assert read_progress(tmp_path).step == 2
    write_state(tmp_path, state(4))
    assert [path.name for path in (tmp_path / STATE).iterdir()] == ["step-00000004-5"]


def test_a_failed_write_leaves_the_earlier_one(tmp_path, monkeypatch):
    write_state(tmp_path, state(1))
    for error in (OSError(28, "No space left on device"), OSError(5, "Input/output error")):
        with monkeypatch.context() as patch:
            patch.setattr("nas.training.checkpoint.save_file", lambda *_, error=error: (_ for _ in ()).throw(error))
            with pytest.raises(FileError, match=rf"cannot be written to .*step-00000002-2: {error.strerror}\."):
                write_state(tmp_path, state(2))
    assert read_progress(tmp_path).step == 1
    assert len(list((tmp_path / STATE).iterdir())) == 1


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(RecordError, match="holds no state of a training"):
        read_state(tmp_path)
    place = write_state(tmp_path, state())
    description = json.loads((place / "state.json").read_text())
    for spoilt in ({**description, "version": 2}, {**description, "progress": {"step": 1}}, []):
        (place / "state.json").write_text(json.dumps(spoilt))
        with pytest.raises(RecordError, match=r"has version 2; this version|cannot be read"):
            read_progress(tmp_path)
    (place / "state.json").write_text(json.dumps(description))
    (place / "tensors.safetensors").write_bytes(b"short")
    with pytest.raises(RecordError, match="cannot be read"):
        read_state(tmp_path)
