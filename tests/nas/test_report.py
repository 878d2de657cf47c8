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


def test_a_damaged_record_is_repaired_when_asked_to(run, tmp_path):
    (tmp_path / "found").mkdir()
    content = (RESULTS / "bccd" / "record.db").read_bytes()[:-5000]
    (tmp_path / "found" / "record.db").write_bytes(content)
    code, output, error = run("run=found")
    assert (code, output) == (2, "")
    assert error.startswith("error: record found/record.db is damaged: give repair=true")
    code, output, error = run("run=found", "repair=true")
    assert (code, output.splitlines()) == (0, [f"found/{file}" for file in OUTPUTS])
    assert error.startswith("warning: record found/record.db was damaged and is repaired: ")
    assert (tmp_path / "found" / "record.db.damaged-1").read_bytes() == content
    assert run("run=found")[::2] == (0, "")
    assert run("run=found", "repair=true")[2] == (
        "warning: record found/record.db is whole; there was nothing to repair.\n"
    )
