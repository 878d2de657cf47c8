"""Which folder a command works on."""

import os
import re

import pytest

from nas.command_line.run_folder import existing_folder, new_folder, output_folder
from search_spaces.errors import ConfigError, FileError, RecordError


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make_run(folder, at):
    folder.mkdir(parents=True)
    (folder / "record.db").write_text("")
    os.utime(folder / "record.db", (at, at))


def test_a_new_folder_is_named_by_the_labels_and_the_time():
    folder = new_folder(None, "toy", "ppo", "paper")
    assert re.fullmatch(r"runs/toy-ppo-paper-\d{8}-\d{6}", str(folder))
    assert not folder.exists()


def test_labels_become_a_folder_s_name():
    assert re.fullmatch(r"runs/my-space-a-b-\d{8}-\d{6}", str(new_folder(None, "my space", "a/b")))


def test_long_labels_are_cut():
    folder = new_folder(None, "x" * 300, "\u732b" * 300, "\U0001f431 \udce9")
    folder.mkdir(parents=True)
    assert re.fullmatch(r"x{64}-\u732b{21}---\d{8}-\d{6}", folder.name)


def test_two_new_folders_in_one_second_differ(monkeypatch):
    monkeypatch.setattr("time.strftime", lambda _: "20260101-000000")
    first = new_folder(None, "toy")
    first.mkdir(parents=True)
    second = new_folder(None, "toy")
    second.mkdir()
    assert [first.name, second.name, new_folder(None, "toy").name] == [
        "toy-20260101-000000",
        "toy-20260101-000000-1",
        "toy-20260101-000000-2",
    ]


def test_a_given_folder_is_taken_when_it_is_free(here):
    (here / "empty").mkdir()
    (here / "begun").mkdir()
    (here / "begun" / ".lock").write_text("")
    assert [str(new_folder(run)) for run in ("fresh", "empty", "begun", 20250101)] == [
        "fresh",
        "empty",
        "begun",
        "20250101",
    ]


def test_a_given_folder_that_is_not_free_is_refused(here):
    make_run(here / "done", at=1)
    (here / "full").mkdir()
    (here / "full" / "thesis.txt").write_text("mine")
    (here / "file").write_text("")
    with pytest.raises(RecordError, match="run folder done holds the record of a search; give resume=true"):
        new_folder("done")
    for name in ("full", "file"):
        with pytest.raises(RecordError, match=f"run folder {name} exists and is not an empty folder"):
            new_folder(name)


def test_the_newest_run_is_the_default(here):
    with pytest.raises(RecordError, match="no run found under runs/; give run=DIR"):
        existing_folder(None)
    for name, at in (("a", 30), ("b", 10), ("c", 20)):
        make_run(here / "runs" / name, at)
    assert str(existing_folder(None)) == "runs/a"
    assert str(existing_folder("runs/b")) == "runs/b"


def test_a_folder_without_a_record_is_refused():
    with pytest.raises(RecordError, match=r"run folder nowhere holds no record\.db"):
        existing_folder("nowhere")


@pytest.mark.parametrize("run", [["a"], True, 1.5])
def test_what_is_no_path_is_refused(run):
    for find in (new_folder, existing_folder):
        with pytest.raises(ConfigError, match=r"run is .*; it must be the path of a folder or null"):
            find(run)


def test_results_go_into_a_folder_of_their_own(here):
    assert output_folder(None) is None
    assert output_folder("deep/new") == output_folder("deep/new")
    (here / "deep" / "file").touch()
    with pytest.raises(FileError, match=r"^out folder deep holds files already; give another out=, or empty it\.$"):
        output_folder("deep")
    with pytest.raises(FileError, match=r"^out is 'deep/file/x'; it must be a folder that can be written \(Not a dir"):
        output_folder("deep/file/x")
