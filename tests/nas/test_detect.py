"""``nas.detect`` as a user runs it: pictures, tables, going on, broken pictures, and bad input."""

import csv
import json

import pytest
from PIL import Image

from nas import detect as command
from tests.nas.nas_support import run_as_user
from tests.nas.trained_support import write_shapes, write_weights

LOW = "threshold=0.001"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "w.safetensors")

    def run(*arguments):
        return run_as_user(monkeypatch, capsys, "detect", command.detect, "weights=w.safetensors", *arguments)

    return run


@pytest.fixture
def pictures(tmp_path):
    write_shapes(tmp_path / "set", images=2)
    folder = tmp_path / "set" / "val2017"
    (folder / "deep").mkdir()
    Image.new("RGB", (90, 70), (200, 30, 30)).save(folder / "deep" / "0.png")
    return folder


def rows(folder):
    with (folder / "detections.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_is_detected_in_and_gone_on_with(run, pictures, tmp_path):
    code, output, error = run(f"images={pictures}", "out=found", LOW, "detections=3")
    assert code == 0, error
    assert output.splitlines()[-1] == "9 objects in 3 pictures; all could be read"
    out = tmp_path / "found"
    assert {one.name for one in out.iterdir()} == {"rows.jsonl", "detections.json", "detections.csv", "pictures"}
    assert {one.relative_to(out / "pictures").as_posix() for one in out.rglob("*.png")} == {
        "0.png",
        "1.png",
        "deep/0.png",
    }
    content = json.loads((out / "detections.json").read_text())
    assert [(one["file_name"], one["width"]) for one in content["images"]] == [
        ("0.png", 48),
        ("1.png", 48),
        ("deep/0.png", 90),
    ]
    assert len(content["annotations"]) == len(rows(out)) == 9
    before = (out / "detections.json").read_bytes()
    Image.new("RGB", (20, 20)).save(pictures / "new.png")
    code, output, _ = run(f"images={pictures}", "out=found", LOW, "detections=3")
    assert code == 0
    assert "4 pictures, scores above 0.001; 3 of them done before" in output
    assert len(json.loads((out / "detections.json").read_text())["images"]) == 4
    assert before != (out / "detections.json").read_bytes()
    code, _, error = run(f"images={pictures}", "out=found", "threshold=0.5", "detections=3")
    assert code == 2
    assert "out folder found holds detections with threshold 0.001, not 0.5; give that to go on" in error


def test_broken_pictures_are_named_and_counted(run, pictures, tmp_path):
    (pictures / "bad.jpg").write_text("no picture")
    code, output, error = run(f"images={pictures}", "out=found", LOW, "draw=false")
    assert code == 0
    assert "bad.jpg is left out: bad.jpg cannot be decoded" in error
    assert output.splitlines()[-1].endswith("in 3 pictures; 1 picture could not be read, named above")
    assert not (tmp_path / "found" / "pictures").exists()
    code, _, error = run(f"images={pictures / 'bad.jpg'}", "out=nothing")
    assert code == 2
    assert "none of the 1 picture could be read" in error


def test_classes_tiles_and_the_stored_threshold(run, pictures, tmp_path):
    write_weights(tmp_path / "w.safetensors", threshold=0.002)
    code, output, error = run(f"images={pictures}/*.png", "out=found", "classes=[cross]", "tile=32", "draw=false")
    assert code == 0, error
    assert "2 pictures, scores above 0.002" in output
    assert {row["class"] for row in rows(tmp_path / "found")} <= {"cross"}


def test_masks_are_found(run, pictures, tmp_path):
    write_weights(tmp_path / "w.safetensors", head="mask_rcnn")
    code, _, error = run(f"images={pictures}", "out=found", LOW, "detections=2")
    assert code == 0, error
    content = json.loads((tmp_path / "found" / "detections.json").read_text())
    assert all(one["segmentation"]["size"] in ([48, 48], [70, 90]) for one in content["annotations"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["out=found"], "images is missing; give weights=FILE images=FILE|FOLDER|'PATTERN' out=DIR."),
        (["images=set"], "out is missing;"),
        (["images=nowhere", "out=found"], "images nowhere: there is no such file or folder."),
        (
            ["images=set", "out=set"],
            "out folder set exists and is not an empty folder; give another out=, or empty it.",
        ),
        (["images=set", "out=found", "threshold=2"], "threshold is 2"),
        (["images=set", "out=found", "classes=[crss]"], "classes has 'crss' (did you mean 'cross'?); weights w.saf"),
        (["images=set", "out=found", "tile=8"], "tile is 8; it must be at least 32."),
        (["images=set", "out=found", "tile=64", "overlap=1"], "overlap is 1"),
        (["images=set", "out=found", "batch=0"], "batch is 0"),
        (["images=set", "out=found", "detections=0"], "detections is 0"),
        (["images=set/annotations", "out=found"], "there is no picture; of 1 file none ends as pictures do"),
    ],
)
def test_bad_input(run, pictures, tmp_path, arguments, sentence):
    code, _, error = run(*arguments)
    assert code == 2
    assert sentence in error
    assert not (tmp_path / "found").exists()
