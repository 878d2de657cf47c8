"""``nas.data import`` and ``split`` as a user runs them: what is written is read as the same data set."""

import json
from pathlib import Path

import numpy as np
import pytest

from nas import data as command
from nas.command_line.data_files import configure
from nas.datasets.registry import open_data
from search_spaces.errors import ConfigError
from tests.datasets.layout_support import LAYOUTS, ONLY_TRAIN, SPLITS, coco_2017, cvat_yolo, text, ultralytics
from tests.nas.nas_support import run_as_user


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_as_user(monkeypatch, capsys, "data", command.work, *arguments, configure=configure)


def objects(root: Path, split: str, cache: Path) -> list[tuple[list[int], list[list[float]]]]:
    data = open_data({"kind": "folder", "root": str(root)}, 40, cache, split)
    found = [data.original_objects(index) for index in range(len(data))]
    return [(one.labels.tolist(), np.round(one.boxes, 3).tolist()) for one in found]


@pytest.mark.parametrize("name", ["coco_2017", "labelme2coco", "ultralytics", "roboflow_voc", "labelimg"])
@pytest.mark.parametrize("pictures", ["refer", "link", "copy"])
def test_what_is_imported_is_the_same(run, tmp_path, name, pictures):
    LAYOUTS[name](tmp_path / "set")
    code, output, error = run("import", "data.root=set", "out=new", f"pictures={pictures}")
    assert (code, error) == (0, "")
    assert output.startswith("train: 3 pictures, 3 objects, from set")
    assert "data.root=new" in output.splitlines()[-1]
    for split in ("train",) if name in ONLY_TRAIN else ("train", "val"):
        assert objects(tmp_path / "new", split, tmp_path / "c") == objects(tmp_path / "set", split, tmp_path / "c")
        rows = json.loads((tmp_path / "new" / "annotations" / f"instances_{split}.json").read_text())
        assert rows["annotations"][0].keys() >= {"id", "image_id", "category_id", "bbox", "area", "iscrowd"}
        assert (rows["images"][0]["width"], rows["images"][0]["height"]) == (40, 20)
    files = list((tmp_path / "new").rglob("*.png"))
    assert len(files) == {"refer": 0}.get(pictures, 3 if name in ONLY_TRAIN else 5)
    assert all(path.is_symlink() is (pictures == "link") for path in files)


def test_masks_are_imported(run, tmp_path):
    ultralytics(tmp_path / "set")
    text(tmp_path / "set" / "labels" / "train" / "b.txt", "1 0.25 0.5 0.75 0.5 0.75 1 0.25 1\n")
    assert run("import", "data.root=set", "out=new")[0] == 0
    rows = json.loads((tmp_path / "new" / "annotations" / "instances_train.json").read_text())["annotations"]
    assert rows[2]["segmentation"] == [[10, 10, 30, 10, 30, 20, 10, 20]]


def test_faults_are_refused_or_left_out(run, tmp_path):
    ultralytics(tmp_path / "set")
    text(tmp_path / "set" / "labels" / "train" / "b.txt", "7 0.5 0.5 0.5 0.5\n")
    text(tmp_path / "set" / "images" / "train" / "c.png", "no picture")
    code, _, error = run("import", "data.root=set", "out=new")
    assert code == 2
    assert "unknown category" in error
    assert not (tmp_path / "new").exists()
    code, output, _ = run("import", "data.root=set", "out=new", "data.faults=drop", "data.max_dropped=0.5")
    assert code == 0
    assert "1 of 3 pictures and 1 of 3 boxes were dropped" in output
    lines = (tmp_path / "new" / "train_dropped.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["kind", "unknown category", "broken image"]
    assert len(objects(tmp_path / "new", "train", tmp_path / "c")) == 2


def test_a_split_has_every_picture_once_and_is_made_again_the_same(run, tmp_path):
    cvat_yolo(tmp_path / "set")
    text(tmp_path / "set" / "data.yaml", "names: [a, b]\ntrain: [images/train, images/val]\n")
    code, output, error = run("split", "data.root=set", "val=0.4", "seed=3")
    assert (code, error) == (0, "")
    assert "train: 3 pictures" in output
    assert "val: 2 pictures" in output
    assert run("split", "data.root=set", "val=0.4", "seed=3", "out=again")[0] == 0
    names = []
    for split in ("train", "val"):
        file = tmp_path / "set-split" / "annotations" / f"instances_{split}.json"
        images = json.loads(file.read_text())["images"]
        names += [Path(image["file_name"]).name for image in images]
        same = (tmp_path / "again" / "annotations" / f"instances_{split}.json").read_text()
        assert [image["file_name"] for image in json.loads(same)["images"]] == [image["file_name"] for image in images]
    assert sorted(names) == sorted([*SPLITS["train"], *SPLITS["val"]])


def test_a_group_is_a_text_as_it_is_typed(run, tmp_path):
    cvat_yolo(tmp_path / "set")
    text(tmp_path / "set" / "data.yaml", "names: [a, b]\ntrain: images\n")
    assert run("split", "data.root=set", r"group=/([a-c])\.png$|/(?:d)", "val=0.5")[0] == 0
    assert run("split", "data.root=set", r"group=images/(\w+)/", "val=0.4", "out=new")[0] == 0
    images = json.loads((tmp_path / "new" / "annotations" / "instances_val.json").read_text())["images"]
    assert {Path(image["file_name"]).parent.name for image in images} == {"val"}


@pytest.mark.parametrize("word", ["import", "split"])
def test_nothing_is_overwritten(run, tmp_path, word):
    LAYOUTS["labelimg"](tmp_path / "set")
    text(tmp_path / "new" / "mine.txt", "precious")
    code, _, error = run(word, "data.root=set", "out=new")
    assert (code, error) == (2, "error: new is there already, and nothing is overwritten; give another out=.\n")
    assert (tmp_path / "new" / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["imprt"], "'imprt' is no action of nas.data (did you mean 'import'?); there are: check, import, split."),
        (["import", "split"], "there can be one action of nas.data; these are 2: import, split."),
        (["action=clean"], "action is 'clean'; it must be one of: check, import, split."),
        (["import"], "data is of the kind synthetic, which lies in no files; give data=folder data.root=DIR."),
        (["split", "data.root=set", "val=1"], "val is 1; it must be above 0 and below 1."),
        (["split", "data.root=set"], "has a val split already (set/annotations/instances_val2017.json); nothing is"),
        (["import", "data.root=set", "pictures=move"], "pictures is 'move'; it must be one of: refer, link, copy."),
        (["import", "data.root=nowhere"], "data root nowhere is not a folder"),
    ],
)
def test_bad_input(run, tmp_path, arguments, sentence):
    coco_2017(tmp_path / "set")
    code, output, error = run(*arguments)
    assert (code, output) == (2, "")
    assert sentence in error


def test_with_a_root_alone_data_is_a_folder():
    assert configure("data", ["data.root=x"])["data"]["kind"] == "folder"
    assert configure("data", ["data=coco", "data.root=x"])["data"]["kind"] == "coco"
    assert configure("data", ["import"])["action"] == "import"
    with pytest.raises(ConfigError):
        configure("data", ["--import"])
