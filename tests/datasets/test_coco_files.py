"""Picture files: there once, under whatever spelling; their headers."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.datasets.coco_entries import Fault, ImageEntry
from nas.datasets.coco_files import file_faults, file_status, read_headers
from nas.words import waiting
from tests.datasets.picture_support import GREY, exif, png16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a.png", "b.png", "sub/a.png"):
        Image.new("RGB", (4, 3)).save(tmp_path / name)
    return tmp_path


def faults(folder: Path, *names: str) -> list[Fault]:
    return list(file_faults(folder, [ImageEntry(10 + n, name, 4, 3) for n, name in enumerate(names)]))


def test_files_that_are_there_once(folder: Path) -> None:
    assert faults(folder, "a.png", "b.png", "sub/a.png") == []


@pytest.mark.parametrize(
    "spelling",
    ["a.png", "./a.png", "sub/../a.png", ".//a.png", "sub/./../a.png", "link.png", "hard.png", "folder/a.png"],
)
def test_a_file_in_another_spelling_is_the_same_file(folder: Path, spelling: str) -> None:
    (folder / "link.png").symlink_to("a.png")
    (folder / "folder").symlink_to(".")
    os.link(folder / "a.png", folder / "hard.png")
    (fault,) = faults(folder, "a.png", "b.png", spelling)
    assert fault.kind == "duplicate file"
    assert fault.clause.startswith("images 10 and 12 both name the file a.png")
    assert spelling == "a.png" or fault.clause.endswith(f", the second as {spelling}")


def test_an_absolute_spelling(folder: Path) -> None:
    (fault,) = faults(folder, "a.png", str(folder / "a.png"))
    assert fault.kind == "duplicate file"


def test_a_disk_without_numbers_of_files_goes_by_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_number(path: Path) -> os.stat_result:
        return os.stat_result((0o100644, 0, 0, 1, 0, 0, 100, 0, 0, 0))

    monkeypatch.setattr("nas.datasets.coco_files.file_status", without_number)
    assert faults(folder, "a.png", "b.png") == []
    assert len(faults(folder, "a.png", "sub/../a.png")) == 1


MISSING = {
    "gone": "gone.png",
    "folder": "sub",
    "long": "x" * 300 + ".png",
    "long path": "/".join(["x" * 200] * 40),
    "address": "https://example.org/a.png?" + "key=0123456789&" * 40,
    "picture in the name": "data:image/png;base64," + "QUJD" * 5000,
    "NUL": "a\0.png",
    "lone surrogate": "a\ud83d.png",
    "line break": "a\nb.png",
    "below a file": "a.png/b.png",
}


@pytest.mark.parametrize("case", MISSING)
def test_a_name_that_is_no_file_s_is_missing(folder: Path, case: str) -> None:
    (fault,) = faults(folder, MISSING[case])
    assert fault.kind == "missing image"
    assert fault.clause.startswith("image 10: there is no file ")
    assert fault.clause.isprintable()
    assert len(fault.clause) < 300
    fault.clause.encode()


def test_a_name_that_is_not_utf_8_is_a_name(folder: Path) -> None:
    try:
        Path(os.fsdecode(bytes(folder) + b"/caf\xe9.png")).write_bytes((folder / "a.png").read_bytes())
    except OSError:
        pytest.skip("this disk takes names in UTF-8 alone")
    assert faults(folder, "caf\udce9.png") == []
    assert file_status(folder / "caf\udce9.png") is not None


def test_reading_many_headers_is_said(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "SECONDS_BEFORE_A_LINE", 0.0)
    with caplog.at_level(logging.INFO, "nas"):
        read_headers(folder, [ImageEntry(n, "a.png", 4, 3) for n in range(3)])
    assert caplog.messages[0].startswith(f"reading image headers of {folder}: 1 of 3, ")


def test_headers(folder: Path) -> None:
    (folder / "deep.png").write_bytes(png16(GREY * 257))
    Image.new("RGB", (4, 3)).save(folder / "turned.jpg", exif=exif(8))
    (folder / "broken.png").write_bytes(b"")
    names = ("a.png", "deep.png", "turned.jpg", "broken.png")
    headers = read_headers(folder, [ImageEntry(n, name, 4, 3) for n, name in enumerate(names)])
    assert list(headers) == [0, 1, 2]
    assert headers[0].stored_size == headers[0].shown_size == (3, 4)
    assert [headers[n].deep_mode for n in range(3)] == ["", "I;16", ""]
    assert (headers[2].stored_size, headers[2].shown_size, headers[2].orientation) == ((3, 4), (4, 3), 8)
    assert headers[1].shown_size == np.shape(GREY)
