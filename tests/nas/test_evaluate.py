"""``nas.evaluate`` as a user runs it: COCO's numbers of the split asked for, its files, and bad input."""

import contextlib
import csv
import io
import json
from pathlib import Path

import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from nas import evaluate as command
from nas.evaluation import METRICS
from tests.nas.nas_support import run_as_user
from tests.nas.trained_support import NAMES, write_shapes, write_weights

EVERYTHING = ["score_threshold=0.0", "measure=false"]
FILES = {"metrics.json", "per_class.csv", "report.html", "detections.json", "curves.png", "confusion.png"}


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_as_user(monkeypatch, capsys, "evaluate", command.evaluate, *arguments)


@pytest.fixture
def weights(tmp_path):
    return write_weights(tmp_path / "weights.safetensors")


def by_hand(file: Path, detections: Path, iou_type: str) -> dict[str, float]:
    """The twelve numbers as a user of pycocotools gets them from the two files."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(file))
        evaluation = COCOeval(truth, truth.loadRes(str(detections)), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(METRICS, map(float, evaluation.stats)))


@pytest.mark.parametrize("head", ["retinanet", "mask_rcnn"])
def test_the_files_give_pycocotools_the_same_numbers(run, tmp_path, head):
    file = write_shapes(tmp_path / "set")
    weights = write_weights(tmp_path / "w.safetensors", head=head, image_size=48)
    given = [f"weights={weights}", "data=coco", f"data.root={tmp_path / 'set'}", "out=results", *EVERYTHING]
    code, output, error = run(*given, "device=cpu")
    assert code == 0, error
    assert f"split val of data set coco: 4 images, {file}" in output
    assert "the same classes in another order; they were matched by name." in output
    folder = tmp_path / "results"
    assert {path.name for path in folder.iterdir()} == FILES
    metrics = json.loads((folder / "metrics.json").read_text())
    kinds = {"bbox": "boxes", "segm": "masks"} if head == "mask_rcnn" else {"bbox": "boxes"}
    for iou_type, word in kinds.items():
        own = {name: -1 if value is None else value for name, value in metrics[word].items()}
        assert own == pytest.approx(by_hand(file, folder / "detections.json", iou_type), abs=1e-6)
    assert ("masks" in metrics) == (head == "mask_rcnn")
    assert metrics["boxes"]["ar100"] > 0
    assert {row["image_id"] for row in json.loads((folder / "detections.json").read_text())} <= {500, 499, 498, 497}
    rows = list(csv.DictReader((folder / "per_class.csv").read_text().splitlines()))
    assert {row["class"] for row in rows} == set(NAMES)
    assert sum(int(row["objects"]) for row in rows) == metrics["objects"]
    assert metrics["split"] == "val"
    code, _, error = run(*given)
    assert code == 2
    assert "out folder results holds files already; give another out=, or empty it." in error


def test_the_split_asked_for_is_measured(run, weights):
    for split, said in (
        ("val", "split val of data set synthetic: 2 images, synthetic, val"),
        ("train", "split train of data set synthetic: 8 images, synthetic\n"),
        ("reserved", "split reserved of data set synthetic: 3 of the 8 images of the training split, reserved with"),
    ):
        given = [f"weights={weights}", "data.images=8", f"split={split}", "reserved_images=3", "measure=false"]
        code, output, error = run(*given)
        assert code == 0, error
        assert said in output
    assert "out=DIR writes detections, tables, pictures and a page." in output


def test_latency_stands_beside_it(run, weights):
    code, output, _ = run(f"weights={weights}", "data.images=4", "image_size=64")
    assert code == 0
    assert "images of 64 px" in output
    assert "method: median of 10 runs after 3 to warm up, batch 1 of 64x64 px, float32" in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "weights is missing; give weights=FILE, a safetensors file that nas.train or nas.convert wrote."),
        (["weights=nowhere"], "weights nowhere: there is no such file."),
        (["split=test"], "split is 'test'; it must be one of: train, val, reserved."),
        (["batch=0"], "batch is 0; it must be at least 1."),
        (["image_size=40.5"], "image_size is 40.5"),
        (["image_size=33"], "height 33 is not a multiple of 8; the nearest is 32 or 40"),
        (["overlap=0"], "overlap is 0; it must be above 0 and at most 1."),
        (["threshold=2"], "threshold is 2; it must be at least 0 and at most 1."),
        (["device=gpu"], "device is 'gpu'; it must be auto, cpu, cuda"),
        (["data.classes=2"], "have different classes: 3 and 2 of them; only the weights have 'cross'."),
        (["data=coco", "data.root=nowhere"], "data root nowhere is not a folder"),
    ],
)
def test_bad_input(run, weights, tmp_path, arguments, sentence):
    own = [] if not arguments or arguments[0].startswith("weights") else [f"weights={weights}"]
    few = [] if "data=coco" in arguments else ["data.images=4"]
    code, _, error = run(*own, *few, "measure=false", "out=results", *arguments)
    assert code == 2
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").iterdir())


def test_weights_that_do_not_say_what_they_were_trained_on(run, tmp_path):
    weights = write_weights(tmp_path / "w.safetensors", names=None)
    code, _, error = run(f"weights={weights}", "data.images=4")
    assert code == 2
    assert "the file does not tell the size of the images that it was trained on; give image_size=" in error
    code, output, _ = run(f"weights={weights}", "data.images=4", "image_size=32", "measure=false")
    assert code == 0
    assert "the file does not name its classes (3), which are taken to be those of data set synthetic, val" in output


def test_a_classifier_and_names_that_do_not_fit(run, tmp_path):
    weights = write_weights(tmp_path / "c.safetensors", head="classifier")
    assert "evaluation needs a detector; a network with head 'classifier'" in run(f"weights={weights}")[2]
    weights = write_weights(tmp_path / "w.safetensors", names=("a",))
    assert "they name 1 classes, and the detector has 3." in run(f"weights={weights}")[2]
