"""A folder is published whole or not at all."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nas.disk import publishing, sync_folder

NO_PROCESS = 2**22 + 1


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_and_raise(folder: Path) -> None:
    with publishing(folder) as partial:
        (partial / "one").write_text("1")
        raise OSError("full")


def test_a_folder_appears_when_it_is_complete(tmp_path):
    with publishing(tmp_path / "cache") as partial:
        (partial / "one").write_text("1")
        assert not (tmp_path / "cache").exists()
    assert names(tmp_path) == ["cache"]
    assert names(tmp_path / "cache") == ["one"]


def test_a_block_that_raises_leaves_nothing(tmp_path):
    with pytest.raises(OSError, match="full"):
        write_and_raise(tmp_path / "cache")
    assert names(tmp_path) == []


def test_the_first_of_several_writers_wins(tmp_path):
    def write(number: int) -> None:
        with publishing(tmp_path / "cache") as partial:
            for name in "abc":
                (partial / name).write_text(str(number))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert names(tmp_path) == ["cache"]
    assert len({path.read_text() for path in (tmp_path / "cache").iterdir()}) == 1


def test_a_file_in_the_way_is_an_error_and_stays(tmp_path):
    (tmp_path / "cache").write_text("mine")
    with pytest.raises(OSError, match="cache"), publishing(tmp_path / "cache") as partial:
        (partial / "one").write_text("1")
    assert (tmp_path / "cache").read_text() == "mine"
    assert names(tmp_path) == ["cache"]


def test_only_what_a_dead_process_of_this_machine_left_is_removed(tmp_path):
    here = socket.gethostname()
    dead, alive, elsewhere, other, odd = (
        tmp_path / name
        for name in (
            f"cache.partial-{here}-{NO_PROCESS}-abcd",
            f"cache.partial-{here}-{os.getpid()}-abcd",
            "cache.partial-elsewhere-1-abcd",
            f"caches.partial-{here}-{NO_PROCESS}-abcd",
            f"cache.partial-{here}-x",
        )
    )
    for folder in (dead, alive, elsewhere, other, odd):
        folder.mkdir()
    with publishing(tmp_path / "cache"):
        pass
    assert names(tmp_path) == sorted(["cache", *(path.name for path in (alive, elsewhere, other, odd))])


def test_a_folder_is_synchronised_or_named(tmp_path):
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "nowhere")
