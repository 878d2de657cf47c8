"""A data set is written whole or not at all, with every picture under a name of its own."""

from pathlib import Path

import pytest
from PIL import Image

from nas.datasets.coco_source import CocoFiles
from nas.datasets.registry import open_data
from nas.datasets.usable import Usable, usable
from nas.datasets.writing import check_new, write_coco
from search_spaces.errors import ConfigError, FileError
from tests.datasets.coco_support import content


def part(root: Path, *names: str) -> Usable:
    """Pictures of these names, wherever they lie."""
    rows = [{"id": n, "file_name": name, "width": 40, "height": 20} for n, name in enumerate(names)]
    for n, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 20), (10 * n, 0, 0)).save(root / name)
    boxes = [{"id": n, "image_id": n, "category_id": 7, "bbox": [1, 2, 3, 4]} for n in range(len(names))]
    raw = {"images": rows, "annotations": boxes, "categories": content()["categories"]}
    return usable(CocoFiles(root / "a.json", root, b"", raw), None)


def test_names_that_meet_in_one_folder(tmp_path: Path) -> None:
    names = ("sub/a.png", "../other/b.png", str(tmp_path / "far" / "b.png"), "B.png")
    write_coco(tmp_path / "new", {"train": part(tmp_path / "set", *names)}, "copy")
    written = sorted(path.name for path in (tmp_path / "new" / "images" / "train").rglob("*.png"))
    assert written == ["B-3.png", "a.png", "b-2.png", "b.png"]
    data = open_data({"kind": "folder", "root": str(tmp_path / "new")}, 32, tmp_path / "cache")
    assert [int(data.image(index)[0, 5, 5]) for index in range(4)] == [0, 10, 20, 30]


def test_paths_stay_right_below_a_link(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "short").symlink_to(tmp_path / "deep" / "er")
    write_coco(tmp_path / "short" / "new", {"train": part(tmp_path / "set", "a.png")})
    assert len(open_data({"kind": "folder", "root": str(tmp_path / "short" / "new")}, 32, tmp_path / "cache")) == 1


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    broken = part(tmp_path / "set", "a.png", "b.png")
    (tmp_path / "set" / "b.png").unlink()
    with pytest.raises(FileError, match=r"new cannot be written: No such file"):
        write_coco(tmp_path / "new", {"train": broken}, "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check_new(tmp_path / "empty")
    check_new(tmp_path / "nowhere")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    for name in ("link", "file"):
        with pytest.raises(FileError, match=rf"{name} is there already, and nothing is overwritten"):
            check_new(tmp_path / name)
    with pytest.raises(ConfigError, match="pictures is 'move'; it must be one of: refer, link, copy"):
        write_coco(tmp_path / "new", {}, "move")
