"""Temporary folders: where they are made, and that those of killed processes are swept."""

import os
import subprocess
import sys
import tempfile

import pytest

from nas.machine import temporary
from nas.machine.temporary import LOCK, temporary_folder
from search_spaces.errors import FileError

LONGEST = 200


@pytest.fixture
def places(tmp_path, monkeypatch):
    """The places that are tried, in order; they are made by the test."""
    found = [tmp_path / name for name in ("first", "second")]
    for place in found:
        place.mkdir()
    monkeypatch.setattr(temporary, "_places", lambda: tuple(found))
    return found


def test_the_folder_is_there_for_the_block(places):
    with temporary_folder("ray-", LONGEST) as folder:
        assert folder.parent == places[0]
        assert folder.name.startswith("ray-")
        assert len(folder.name) == len("ray-") + 8
        (folder / "deep").mkdir()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["tmpä", "it's", 'a"b', "a;b", "x" * 190, "file", "missing"])
def test_the_next_place_is_taken_where_the_first_does_not_fit(places, tmp_path, name):
    (tmp_path / "file").write_text("")
    places[0] = tmp_path / name
    if name not in ("file", "missing"):
        places[0].mkdir()
    with temporary_folder("ray-", LONGEST) as folder:
        assert folder.parent == places[1]


def test_a_space_is_no_reason(places, tmp_path):
    places[0] = tmp_path / "two words"
    places[0].mkdir()
    with temporary_folder("ray-", LONGEST) as folder:
        assert folder.parent == places[0]


def test_without_any_place_the_sentence_says_what_would_be_one(places):
    with pytest.raises(FileError, match="set TMPDIR to a folder that you may write to"), temporary_folder("ray-", 3):
        pass


LEAVER = """
import os, sys, signal
from pathlib import Path
from nas.machine import temporary
temporary._places = lambda: (Path(sys.argv[1]),)
block = temporary.temporary_folder("ray-", 500)
folder = block.__enter__()
(folder / "session").mkdir()
print(folder, flush=True)
sys.stdin.read()
os.kill(os.getpid(), signal.SIGKILL)
"""


def leaver(place):
    process = subprocess.Popen(
        [sys.executable, "-c", LEAVER, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def test_what_killed_processes_left_is_removed_and_what_belongs_to_the_living_stays(places):
    killed = [leaver(places[0]) for _ in range(3)]
    for process, _ in killed:
        process.kill()
        process.wait()
    living, kept = leaver(places[0])
    try:
        assert not any(os.path.exists(folder) for _, folder in killed)  # the next one has swept them
        with temporary_folder("ray-", LONGEST):
            assert os.path.exists(kept)
    finally:
        living.kill()
        living.wait()
    with temporary_folder("ray-", LONGEST):
        assert not os.path.exists(kept)


def test_folders_that_are_not_ours_stay(places, tmp_path):
    plain, linked, other = (places[0] / name for name in ("ray-datasets", "ray-linked00", "other"))
    for folder in (plain, other, tmp_path / "target"):
        folder.mkdir()
    (other / LOCK).write_text("")
    (tmp_path / "target" / LOCK).write_text("")
    linked.symlink_to(tmp_path / "target")
    with temporary_folder("ray-", LONGEST):
        pass
    assert plain.is_dir()
    assert (other / LOCK).exists()
    assert (tmp_path / "target" / LOCK).exists()


def test_another_user_s_folder_stays(places, monkeypatch):
    foreign = places[0] / "ray-00000000"
    foreign.mkdir()
    (foreign / LOCK).write_text("")
    monkeypatch.setattr(os, "getuid", lambda: foreign.stat().st_uid + 1)
    with temporary_folder("ray-", LONGEST):
        assert foreign.exists()


def test_the_first_place_is_the_one_that_the_user_names(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert temporary._places()[0] == tmp_path
