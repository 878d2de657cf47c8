"""The home folder and the cache in it, for users who have none or may not write to it."""

import logging
import os
from pathlib import Path

import pytest

from nas.machine import home
from nas.machine.home import cache_folder, ensure_home
from search_spaces.errors import FileError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The temporary folder of this test; nothing is said yet, and no XDG_CACHE_HOME is set."""
    monkeypatch.setattr(home, "default_place", lambda: tmp_path / "tmp")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    home._say_once.cache_clear()
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def no_home(monkeypatch):
    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", unknown)


def test_the_usual_places(place, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert cache_folder("x") == tmp_path / "me" / ".cache" / "x"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert cache_folder("x") == tmp_path / "caches" / "x"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder("x") == tmp_path / "me" / ".cache" / "x"


@pytest.mark.parametrize("kind", ["a file", "below a file", "a file system without folders of ours"])
def test_a_home_that_cannot_be_written_is_said_once_with_the_setting_that_helps(
    place, tmp_path, monkeypatch, caplog, kind
):
    (tmp_path / "file").write_text("")
    homes = {"a file": tmp_path / "file", "below a file": tmp_path / "file" / "me"}
    monkeypatch.setenv("HOME", str(homes.get(kind, "/proc/nobody")))
    folder = place / f"x-{os.getuid()}"
    with caplog.at_level(logging.WARNING):
        assert [cache_folder("x"), cache_folder("x")] == [folder, folder]
    (said,) = caplog.messages
    assert "cannot be written" in said
    assert "set data.cache_dir" in said
    assert folder.stat().st_mode & 0o777 == 0o700


def test_without_any_home_the_cache_is_in_the_temporary_folder(place, monkeypatch, caplog):
    no_home(monkeypatch)
    assert cache_folder("x") == place / f"x-{os.getuid()}"
    assert "there is no home folder" in caplog.text


def test_a_temporary_folder_that_may_be_another_user_s_is_not_used(place, tmp_path, monkeypatch):
    no_home(monkeypatch)
    (place / f"x-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(FileError, match=r"is not a folder of yours; set data\.cache_dir"):
        cache_folder("x")


def test_libraries_get_a_home_only_where_there_is_none(place, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    ensure_home("x")
    assert os.environ["HOME"] == str(tmp_path)
    no_home(monkeypatch)
    ensure_home("x")
    assert os.environ["HOME"] == str(place / f"x-{os.getuid()}")
