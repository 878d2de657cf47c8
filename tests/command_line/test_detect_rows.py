"""Rows of a detection: kept at once, read again, never mixed with those of other settings."""

from pathlib import Path

import numpy as np
import pytest

from nas.command_line.detect_rows import NAME, Rows
from nas.detecting import Broken, Found, PictureFile
from search_spaces.errors import FileError

SETTINGS = {"threshold": 0.3, "classes": []}


def found(name: str) -> Found:
    return Found(PictureFile(Path(name), name), (3, 4), np.ones((1, 4)), np.ones(1), np.ones(1, dtype=int))


def test_rows_are_kept_and_read_again(tmp_path: Path) -> None:
    rows = Rows.open(tmp_path / "new", SETTINGS)
    rows.add(found("a"))
    rows.add(Broken(PictureFile(Path("b"), "b"), "b is no picture"))
    again = Rows.open(tmp_path / "new", SETTINGS)
    assert list(again.found) == ["a"], "what could not be read is tried again"
    with again.path.open("a") as file:
        file.write('{"file": "torn')
    Rows.open(tmp_path / "new", SETTINGS).add(found("c"))
    assert list(Rows.open(tmp_path / "new", SETTINGS).found) == ["a", "c"]


def test_other_settings_and_other_files_are_refused(tmp_path: Path) -> None:
    Rows.open(tmp_path / "rows", SETTINGS)
    with pytest.raises(FileError, match=r"holds detections with threshold 0\.3, not 0\.5; give that to go on, or anot"):
        Rows.open(tmp_path / "rows", {**SETTINGS, "threshold": 0.5})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.txt").touch()
    for path in (tmp_path / "other", tmp_path / "other" / "x.txt"):
        with pytest.raises(FileError, match="exists and is not an empty folder; give another out="):
            Rows.open(path, SETTINGS)


def test_a_killed_start_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    (tmp_path / NAME).touch()
    assert Rows.open(tmp_path, SETTINGS).found == {}
