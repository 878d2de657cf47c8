"""Which folder a training works in."""

import re
from pathlib import Path

import pytest

from nas.command_line.train_folder import configuration_of_run, is_search, training_folder
from nas.training.checkpoint import Progress, State, write_state
from nas.training.plan import Plan
from search_spaces.errors import RecordError

CONFIG = {"run": None, "resume": False, "arch": "a/b c.json", "weights": None, "protocol": {"name": "short"}}


def test_a_new_folder_is_named_by_what_is_trained(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert re.fullmatch(r"runs/train-b-c-short-\d{8}-\d{6}", str(training_folder(CONFIG)))
    assert training_folder({**CONFIG, "run": "here"}) == Path("here")


def test_a_folder_with_a_training_is_gone_on_with_or_refused(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecordError, match=r"no training found under runs/; give run=DIR\."):
        training_folder({**CONFIG, "resume": True})
    write_state(tmp_path / "runs" / "one", State(Progress(1, Plan(2)), {}, {"config": {"seed": 3}}))
    assert training_folder({**CONFIG, "resume": True}) == Path("runs/one")
    assert configuration_of_run(None) == {"seed": 3, "run": "runs/one"}
    with pytest.raises(RecordError, match="holds a training; give resume=true"):
        training_folder({**CONFIG, "run": "runs/one"})


def test_a_search_is_known_by_its_record(tmp_path):
    (tmp_path / "record.db").touch()
    assert is_search(str(tmp_path))
    assert not is_search(None)
    assert not is_search(str(tmp_path / "other"))
