"""A file is replaced in one step or stays as it was."""

import os

import pytest

from nas.disk import files, replacing
from search_spaces.errors import FileError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_and_raise(path, error):
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise error


def test_the_new_file_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "best.json"
    path.write_text("old")
    with replacing(path) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".json"
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(tmp_path) == ["best.json"]


def test_the_file_is_on_the_disk_before_it_takes_the_place(tmp_path, monkeypatch):
    done = []
    replace = os.replace
    monkeypatch.setattr(files, "_sync_file", lambda path: done.append("file"))
    monkeypatch.setattr(files.os, "replace", lambda *paths: (done.append("replace"), replace(*paths)))
    monkeypatch.setattr(files, "sync_folder", lambda folder: done.append("folder"))
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("")
    assert done == ["file", "replace", "folder"]


@pytest.mark.parametrize("error", [ValueError("of the block"), KeyboardInterrupt()])
def test_a_block_that_raises_changes_nothing(tmp_path, error):
    path = tmp_path / "best.json"
    path.write_text("old")
    with pytest.raises(type(error)):
        write_and_raise(path, error)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["best.json"]


def test_a_full_disk_is_one_sentence(tmp_path):
    path = tmp_path / "best.json"
    path.write_text("old")
    with pytest.raises(FileError) as caught, replacing(path):
        raise OSError(28, "No space left on device")
    assert str(caught.value) == (
        f"{path} cannot be written: No space left on device; what was there before is unchanged."
    )
    assert path.read_text() == "old"


def test_a_folder_that_is_not_there_and_a_folder_in_the_way_are_named(tmp_path):
    with (
        pytest.raises(FileError, match=r"nowhere/a cannot be written: No such file"),
        replacing(tmp_path / "nowhere" / "a") as path,
    ):
        path.write_text("")
    (tmp_path / "a").mkdir()
    with pytest.raises(FileError, match=r"a cannot be written: Is a directory"), replacing(tmp_path / "a") as path:
        path.write_text("")
    assert names(tmp_path) == ["a"]


def test_a_link_is_followed(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there" / "file")
    with replacing(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "file").read_text() == "new"


def test_a_file_where_a_folder_should_be_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileError, match="cannot be written"), replacing(tmp_path / "file" / "new.txt") as temporary:
        temporary.write_text("y")
