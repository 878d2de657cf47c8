"""The cache of decoded images: whole or not there, shared, and clear about what goes wrong."""

import errno
import os
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.datasets.cache import default_cache_dir, open_cache, write_cache
from nas.datasets.dataset import Annotations, DetectionData, reserve
from search_spaces.errors import DataError


def annotations(images: int, per_image: int = 1) -> Annotations:
    count = images * per_image
    return Annotations(
        boxes=np.tile(np.asarray([[1, 2, 5, 6]], dtype=np.float32), (count, 1)),
        labels=np.ones(count, dtype=np.int64),
        areas=np.full(count, 16, dtype=np.float32),
        crowd=np.zeros(count, dtype=np.bool_),
        offsets=np.arange(images + 1) * per_image,
        scales=np.ones(images, dtype=np.float32),
        class_names=("a", "ünï"),
    )


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


def test_writers_side_by_side_leave_one_whole_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: write_cache(tmp_path, "key", 8, pictures(50), annotations(50)), range(4)))
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
    assert all(len(data) == 50 for data in results)


def test_an_error_while_writing_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> Iterator[np.ndarray]:
        yield from pictures(2)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"cannot be written: No space left on device; set cache_dir"):
        write_cache(tmp_path, "key", 8, failing(), annotations(5))
    assert not list(tmp_path.iterdir())


def test_too_little_space_is_said_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage: Any = type("Usage", (), {"free": 100})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DataError, match=r"0\.0 GB free.*set cache_dir"):
        write_cache(tmp_path, "key", 8, pictures(5), annotations(5))


def test_a_file_in_the_way_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(DataError, match=r"cache.*cannot be written"):
        write_cache(tmp_path / "cache", "key", 8, pictures(5), annotations(5))


@pytest.mark.parametrize("name", ["images.npy", "annotations.npz"])
@pytest.mark.parametrize("size", [0, 100])
def test_damage_is_said(tmp_path: Path, name: str, size: int) -> None:
    write_cache(tmp_path, "key", 8, pictures(5), annotations(5))
    os.truncate(tmp_path / "key" / name, size)
    with pytest.raises(DataError, match=r"key is damaged.*delete it"):
        open_cache(tmp_path, "key")


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


def data(images: int, per_image: int = 1) -> DetectionData:
    return DetectionData(np.zeros((images, 3, 8, 8), dtype=np.uint8), annotations(images, per_image), "key")


@pytest.mark.parametrize(("images", "wanted", "reserved"), [(40, None, 10), (40_000, None, 7392), (40, 3, 3)])
def test_reserves_disjoint_images(images: int, wanted: int | None, reserved: int) -> None:
    split = reserve(data(images), wanted, seed=1)
    assert len(split.reserved) == reserved
    assert sorted(split.train + split.reserved) == list(range(images))
    assert split == reserve(data(images), wanted, seed=1)
    assert split != reserve(data(images), wanted, seed=2)


@pytest.mark.parametrize("wanted", [0, 40, 41, -1])
def test_reserving_none_or_all_is_refused(wanted: int) -> None:
    with pytest.raises(DataError, match=rf"reserved_images is {wanted} and the training split has 40"):
        reserve(data(40), wanted)


def test_reserved_images_without_an_object_are_refused() -> None:
    with pytest.raises(DataError, match="hold no object"):
        reserve(data(8, per_image=0))
