"""YOLO's descriptions: places and names in every notation, and what is said where they make no sense."""

from pathlib import Path

import pytest

from nas.datasets.finding import find_layout
from nas.datasets.registry import open_data
from nas.datasets.yolo import find_yolo
from search_spaces.errors import DataError
from tests.datasets.layout_support import SPLITS, picture, text, ultralytics, yolo


@pytest.fixture
def root(tmp_path: Path) -> Path:
    ultralytics(tmp_path / "set")
    return tmp_path / "set"


def opened(root: Path, description: str, split: str = "train"):
    text(root / "data.yaml", description)
    return open_data({"kind": "folder", "root": str(root)}, 40, root.parent / "cache", split)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("names: [cat, dog]", ("cat", "dog")),
        ("names: {0: no, 1: 'yes'}", ("no", "yes")),
        ("names:\n  1: dog\n  0: cat", ("cat", "dog")),
        ("names: {0: cat, 2: dog}", ("cat", "class 1", "dog")),
        ("nc: 2", ("class 0", "class 1")),
        ("names: [1, 2.0]\nnc: 2", ("1", "2.0")),
        ("\ufeffnames: [\u732b, \u0643\u0644\u0628]", ("\u732b", "\u0643\u0644\u0628")),
    ],
)
def test_names(root: Path, names: str, expected: tuple[str, ...]) -> None:
    assert opened(root, f"{names}\ntrain: images/train\n").class_names == expected


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ("names: cat", "names is 'cat'; it must be a list"),
        ("names: {a: cat}", r"names is \{'a': 'cat'\}; it must be a list"),
        ("names: []", r"names is \[\]; it must be a list"),
        ("names: [cat]\nnc: 2", "nc is 2, and names has 1 names; they must agree"),
    ],
)
def test_wrong_names(root: Path, names: str, sentence: str) -> None:
    with pytest.raises(DataError, match=rf"data\.yaml: {sentence}"):
        opened(root, f"{names}\ntrain: images/train\n")


@pytest.mark.parametrize(
    "places",
    [
        "train: images/train",
        "train: [images/train]",
        "path: .\ntrain: ./images/train/",
        "path: images\ntrain: train",
        "path: /content/set\ntrain: images/train",
        "train: /content/elsewhere/images/train",
        "train: C:\\data\\images\\train",
        "train: ../images/train",
    ],
)
def test_places(root: Path, places: str) -> None:
    assert len(opened(root, f"names: [a, b]\n{places}\n")) == 3


def test_several_places_are_one_split(root: Path) -> None:
    assert len(opened(root, "names: [a, b]\ntrain:\n  - images/train\n  - images/val\n  - images/train\n")) == 5


def test_a_place_that_is_not_there(root: Path) -> None:
    with pytest.raises(DataError, match=r"data\.yaml: train is 'photos', and there is no such folder or list below"):
        opened(root, "names: [a, b]\ntrain: photos\n")
    with pytest.raises(DataError, match=r"train is \['images/train', '\['\]|train is"):
        opened(root, "names: [a, b]\ntrain: [[images/train]]\n")


def test_val_may_not_be_train(root: Path) -> None:
    description = "names: [a, b]\ntrain: images/train\nval: images/train\n"
    assert len(opened(root, description)) == 3
    with pytest.raises(DataError, match="the pictures of val are those of train"):
        opened(root, description, "val")


def test_other_yaml_files_are_none(root: Path) -> None:
    text(root / "training.yaml", "epochs: 3\n")
    text(root / "torn.yaml", "a: [")
    text(root / "binary.yml", b"\xff\xfe\x00")
    assert len(find_yolo(root)) == 1
    text(root / "other.yaml", "names: [a]\ntrain: images/val\n")
    with pytest.raises(DataError, match=r"more than one data set: YOLO \(data\.yaml\).*YOLO \(other\.yaml\)"):
        find_layout(root)


def test_labels_beside_the_pictures(tmp_path: Path) -> None:
    for name, boxes in SPLITS["train"].items():
        picture(tmp_path / "set" / "train" / name)
        text(tmp_path / "set" / "train" / name.replace(".png", ".txt"), yolo(boxes))
    text(tmp_path / "set" / "train" / "classes.txt", "a\nb\n")
    data = opened(tmp_path / "set", "names: [a, b]\ntrain: train\n")
    assert [len(data.objects(index)) for index in range(3)] == [2, 1, 0]


def test_names_of_darknet_that_are_not_there(tmp_path: Path) -> None:
    text(tmp_path / "obj.data", "train = train.txt\nnames = obj.names\n")
    with pytest.raises(DataError, match=r"obj\.data: names is 'obj\.names'; there is no such file"):
        find_layout(tmp_path)


def test_key_points_leave_the_box(root: Path) -> None:
    label = root / "labels" / "train" / "a.txt"
    text(label, "0 0.5 0.5 0.5 0.5 0.1 0.2 2\n")
    text(root / "labels" / "train" / "b.txt", "")
    data = opened(root, "names: [a, b]\ntrain: images/train\nkpt_shape: [1, 3]\n")
    assert data.original_objects(0).boxes.tolist() == [[10, 5, 30, 15]]
