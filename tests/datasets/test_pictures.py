"""Pictures found again under names that are not quite theirs, where only one can be meant."""

from pathlib import Path

import pytest

from nas.datasets.pictures import PictureIndex, ends_of, files_in, folders_in, is_picture, pictures_below
from tests.datasets.layout_support import text


@pytest.fixture
def index(tmp_path: Path) -> PictureIndex:
    for name in ("a.jpg", "sub/B.PNG", "sub/c.d.jpg", "one/same.jpg", "two/same.jpg", ".hidden/x.jpg", "notes.txt"):
        text(tmp_path / name, "")
    return PictureIndex(tmp_path)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("a.jpg", "a.jpg"),
        ("C:\\data\\a.jpg", "a.jpg"),
        ("/x/sub/B.PNG", "sub/B.PNG"),
        ("b.png", "sub/B.PNG"),
        ("b.jpeg", "sub/B.PNG"),
        ("b", "sub/B.PNG"),
        ("c.jpg", None),
        ("c.d.jpg", "sub/c.d.jpg"),
        ("same.jpg", None),
        ("x/one/same.jpg", "one/same.jpg"),
        ("x.jpg", None),
        ("notes.txt", None),
        ("", None),
    ],
)
def test_find(index: PictureIndex, name: str, found: str | None) -> None:
    assert index.find(name) == found


@pytest.mark.parametrize(
    ("stem", "found"),
    [
        ("Annotations/one/same", "one/same.jpg"),
        ("same", None),
        ("x/b", "sub/B.PNG"),
        ("c.d", "sub/c.d.jpg"),
        ("c", None),
    ],
)
def test_find_stem(index: PictureIndex, stem: str, found: str | None) -> None:
    assert index.find_stem(stem) == found


def test_lists(index: PictureIndex) -> None:
    assert pictures_below(index.folder) == ["a.jpg", "one/same.jpg", "sub/B.PNG", "sub/c.d.jpg", "two/same.jpg"]
    assert [path.name for path in files_in(index.folder, ".jpg", ".txt")] == ["a.jpg", "notes.txt"]
    assert [path.name for path in folders_in(index.folder)] == ["one", "sub", "two"]
    assert files_in(index.folder / "nowhere", ".jpg") == folders_in(index.folder / "nowhere") == []
    assert list(ends_of("../a\\b.jpg")) == ["a/b.jpg", "b.jpg"]
    assert is_picture("A.TIFF")
    assert not is_picture("a.json")
