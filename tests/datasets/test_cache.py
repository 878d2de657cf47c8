"""The cache of decoded images: whole or not there, shared, and clear about what goes wrong."""

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.datasets.cache import default_cache_dir, open_cache, write_cache
from nas.datasets.dropped import Dropped, DroppedEntry
from nas.datasets.square import NOTHING_SAID, About
from search_spaces.errors import DataError
from tests.datasets.square_support import annotations


def pictures(count: int) -> Iterator[np.ndarray]:
    for number in range(count):
        yield np.full((3, 8, 8), number, dtype=np.uint8)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert open_cache(tmp_path, "key") is None
    written = write_cache(tmp_path, "key", 8, pictures(5), annotations(5))
    read = open_cache(tmp_path, "key")
    assert read is not None
    np.testing.assert_array_equal(read.images[:, 0, 0, 0], np.arange(5))
    np.testing.assert_array_equal(read.annotations.boxes, written.annotations.boxes)
    assert read.class_names == ("a", "ünï")
    assert read.fingerprint == "key"
    assert read.objects(0).masks is None
    assert read.about == NOTHING_SAID


def test_remarks_are_kept(tmp_path: Path) -> None:
    dropped = Dropped((DroppedEntry("missing image", "\udce9.png", "images[3]", "there is no fïle"),), 1, 6, 2, 9)
    about = About("0123456789abcdef", ("1 bøx was clipped", "2 categories are called 'cat'"), dropped)
    for data in (write_cache(tmp_path, "key", 8, pictures(5), annotations(5), about), open_cache(tmp_path, "key")):
        assert data is not None
        assert data.about == about
        assert data.fingerprint == about.identity


def test_masks_are_kept_and_stay_on_the_disk(tmp_path: Path) -> None:
    given = annotations(3, per_image=2, masks=True)
    write_cache(tmp_path, "key", 8, pictures(3), given)
    read = open_cache(tmp_path, "key")
    assert read is not None
    packed = read.annotations.masks
    assert packed is not None
    assert isinstance(packed.data.base, np.memmap)
    for masks, size in ((read.objects(2).masks, (8, 8)), (read.original_objects(2).masks, (16, 8))):
        assert masks is not None
        assert masks.decode().shape == (2, *size)
    np.testing.assert_array_equal(masks.decode()[0, 4:12, 2:], True)


def test_equal_masks_are_stored_once(tmp_path: Path) -> None:
    given = replace(annotations(3, masks=True), sizes=np.full((3, 2), 8))
    data = write_cache(tmp_path, "key", 8, pictures(3), replace(given, original_masks=given.masks))
    assert data.annotations.original_masks is data.annotations.masks
    assert not list((tmp_path / "key").glob("original*"))


def test_writers_side_by_side_leave_one_whole_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: write_cache(tmp_path, "key", 8, pictures(50), annotations(50)), range(4)))
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert all(len(data) == 50 for data in results)


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield from pictures(2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"cannot be written: No space left on device; set data.cache_dir"):
        write_cache(tmp_path, "key", 8, failing(), annotations(5))
    assert not list(tmp_path.iterdir())


def test_too_little_space_is_said_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage: Any = type("Usage", (), {"free": 100})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"0\.0 GB free.*set data.cache_dir"):
        write_cache(tmp_path, "key", 8, pictures(5), annotations(5))


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(DataError, match=r"cache.*cannot be written"):
        write_cache(tmp_path / "cache", "key", 8, pictures(5), annotations(5))


@pytest.mark.parametrize(
    "name", ["images.npy", "annotations.npz", "about.json", "masks.npy", "original_masks_offsets.npy"]
)
@pytest.mark.parametrize("size", [0, 100])
def test_damage_is_said(tmp_path: Path, name: str, size: int) -> None:
    write_cache(tmp_path, "key", 8, pictures(5), annotations(5, masks=True), About(remarks=("one remark",)))
    os.truncate(tmp_path / "key" / name, size)
    with pytest.raises(DataError, match=r"key is damaged.*delete it"):
        open_cache(tmp_path, "key")


def test_files_that_do_not_belong_together(tmp_path: Path) -> None:
    write_cache(tmp_path, "one", 8, pictures(5), annotations(5, masks=True))
    write_cache(tmp_path, "other", 8, pictures(6), annotations(6, masks=True))
    for name in ("annotations.npz", "masks.npy", "images.npy"):
        shutil.copytree(tmp_path / "one", tmp_path / name)
        shutil.copy(tmp_path / "other" / name, tmp_path / name / name)
        with pytest.raises(DataError, match=r"is damaged \(its .* do not belong together\); delete it"):
            open_cache(tmp_path, name)


def test_only_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    dead, alive, elsewhere = (
        tmp_path / f"key.partial-{host}-{process}-abcd"
        for host, process in ((socket.gethostname(), 2**22 + 1), (socket.gethostname(), os.getpid()), ("other", 1))
    )
    for folder in (dead, alive, elsewhere):
        folder.mkdir()
    write_cache(tmp_path, "key", 8, pictures(2), annotations(2))
    assert not dead.exists()
    assert alive.exists()
    assert elsewhere.exists()


def test_default_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "spinenet-search"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / ".cache" / "spinenet-search"
