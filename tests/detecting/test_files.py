"""Pictures of a file, a folder or a pattern, each with a name of its own."""

import os
from pathlib import Path

import pytest

from nas.detecting.files import find_pictures
from search_spaces.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/x.jpg", "a/x.jpg", "x.PNG", "notes.txt", "a/deep/y.tif", "[odd]/z.jpeg", "out/x.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "pictures"


def names(images: object, leave_out: Path | None = None) -> list[str]:
    return [one.name for one in find_pictures(str(images), leave_out)[0]]


def test_a_folder_is_searched_with_all_in_it(folder: Path) -> None:
    files, others = find_pictures(str(folder), folder / "out")
    assert [one.name for one in files] == ["[odd]/z.jpeg", "a/deep/y.tif", "a/x.jpg", "b/x.jpg", "x.PNG"]
    assert others == 1
    assert all(one.path == folder / one.name for one in files)


def test_a_pattern_names_from_its_first_wildcard_on(folder: Path) -> None:
    assert names(folder / "*" / "x.jpg") == ["a/x.jpg", "b/x.jpg"]
    assert names(folder / "a" / "**" / "*.*") == ["deep/y.tif", "x.jpg"]
    assert names(folder / "**" / "x.*", folder / "out") == ["a/x.jpg", "b/x.jpg", "x.PNG"]


def test_a_name_never_leads_out_of_a_folder(folder: Path) -> None:
    assert names(folder / "*" / ".." / "x.*") == ["x.PNG"]
    (outside,) = names(folder / "a" / "d*" / ".." / ".." / "b" / "*.jpg")
    assert outside.endswith("pictures/b/x.jpg")
    assert not outside.startswith(("/", ".."))


def test_a_file_may_have_any_name(folder: Path) -> None:
    assert names(folder / "notes.txt") == ["notes.txt"]
    assert names(folder / "[odd]" / "z.jpeg") == ["z.jpeg"]
    assert names(folder / "[odd]") == ["z.jpeg"]


def test_links_to_folders_are_not_followed(folder: Path) -> None:
    os.symlink(folder, folder / "a" / "round")
    os.symlink(folder / "x.PNG", folder / "link.png")
    os.symlink(folder / "nowhere", folder / "dead.png")
    assert names(folder / "a") == ["deep/y.tif", "x.jpg"]
    assert "link.png" in names(folder)
    assert "dead.png" not in names(folder)


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        ("nowhere", r"images .*nowhere: there is no such file or folder\."),
        ("pictures/*.bmp", r"images .*: there is no picture\."),
        ("pictures/*.txt", r"there is no picture; of 1 file none ends as pictures do"),
        ("x\x00y", r"images .*x\\x00y: there is no such file or folder\."),
    ],
)
def test_nothing_to_detect_in(folder: Path, images: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        find_pictures(str(folder.parent / images))
