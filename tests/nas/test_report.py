"""``nas.report`` as a user runs it, also on records of earlier versions."""

import json
import shutil
from pathlib import Path

import pytest

from nas import report as command
from tests.nas.nas_support import run_as_user

RESULTS = Path(__file__).parents[2] / "results"
OUTPUTS = ["best.json", "best.png", "reward.png", "report.html"]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_as_user(monkeypatch, capsys, "report", command.report, *arguments)


@pytest.mark.parametrize("name", ["bccd", "coco128"])
def test_a_run_of_an_earlier_version_is_reported(run, tmp_path, name):
    (tmp_path / name).mkdir()
    shutil.copy(RESULTS / name / "record.db", tmp_path / name)
    code, output, error = run(f"run={name}")
    assert (code, error) == (0, "")
    assert output.splitlines() == [f"{name}/{file}" for file in OUTPUTS]
    best, kept = (json.loads((folder / name / "best.json").read_text()) for folder in (tmp_path, RESULTS))
    assert best["blocks"] == kept["blocks"]
    assert best["search"]["config"]["proxy"] == "detection"


def test_without_a_run_it_says_so(run):
    assert run() == (2, "", "error: no run found under runs/; give run=DIR.\n")
