"""``nas.train`` as a user runs it: a run folder with everything in it, resume, a search's winners, bad input."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from nas import search, train
from nas.detectors import load_detector, read_trained_on
from nas.training.checkpoint import read_state
from tests.datasets.coco_support import content, write
from tests.nas.nas_support import run_as_user

DETECTOR = ["width=0.125", "endpoints=8", "head_channels=8", "head_depth=1"]
PROTOCOL = ["protocol.image_size=32", "protocol.batch=4", "protocol.validations=2", "batch=2"]
FAST = [*DETECTOR, *PROTOCOL, "data.images=16", "protocol.most_steps=4"]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path, tmp_path_factory):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_as_user(
        monkeypatch, capsys, "train", train.train, *arguments, configure=train.configure
    )


@pytest.fixture
def trained(run, tmp_path, tmp_path_factory):
    """A finished training of ``FAST``; trained once, copied for every test."""
    kept = tmp_path_factory.getbasetemp() / "trained-kept"
    if not kept.exists():
        code, output, error = run(*FAST, f"run={kept}")
        assert code == 0, error
        (kept / "output.txt").write_text(output)
    return shutil.copytree(kept, tmp_path / "trained")


def test_a_training_leaves_a_complete_run_folder(trained):
    names = {path.name for path in trained.iterdir()}
    expected = {
        "config.yaml",
        "args",
        "metrics.csv",
        "metrics.png",
        "batches.jpg",
        "predictions",
        "report.html",
        "state",
    }
    assert expected | {"best.safetensors", "last.safetensors"} <= names
    assert [path.name for path in sorted((trained / "predictions").iterdir())] == [
        "step-00000002.jpg",
        "step-00000004.jpg",
    ]
    assert (trained / "args").read_text().split(" -m ")[1].startswith("nas.train width=0.125 ")
    assert yaml.safe_load((trained / "config.yaml").read_text())["protocol"]["batch"] == 4
    assert load_detector(trained / "best.safetensors").scaling.width == 0.125
    assert read_trained_on(trained / "best.safetensors").image_size == 32
    page = (trained / "report.html").read_text()
    assert "The training is over: all 4 steps are made." in page
    assert page.count("data:image/jpeg;base64,") == 2
    about = read_state(trained).about
    assert {"commit", "versions", "device"} <= set(about["provenance"])


def test_it_says_what_it_does_and_how_far_it_is(trained):
    output = (trained / "output.txt").read_text()
    for line in (
        r"detector: retinanet, width 0\.125, 8 channels .*weights are new, drawn from seed 0; scaling: width 0\.125",
        r"data: 16 pictures to train on, synthetic; pictures are squares of 32 px",
        r"measured on 4 pictures of the val split synthetic, val\.",
        r"protocol short: 4 steps of 4 images in 2 parts of at most 2, adamw with learning rate 0\.0005; ",
        r"epoch 0\.[23], step 1 of 4: loss \d\.\d+ \(class .*, box .*\), learning rate .*, .* images a second, .* left",
        r"validation after step 2: AP .*, AP50 .*, AP75 .* \(the best so far\); it took ",
        r"the training is over: all 4 steps are made; it took ",
        r"best AP \d\.\d+ after step \d: .*best\.safetensors",
        r"next: .*-m nas\.compile weights=",
    ):
        assert re.search(line, output), line


def test_a_finished_training_is_not_trained_again(run, trained):
    before = read_state(trained)
    code, output, _ = run("resume=true", "run=trained")
    assert code == 0
    assert "the training is over: all 4 steps are made" in output
    assert read_state(trained).progress == before.progress


def test_a_training_goes_on_from_its_own_settings(run, tmp_path, monkeypatch):
    """Interrupted after a validation; only the folder is needed to go on, and the end is that of a whole training."""
    from nas.command_line import training as module

    def interrupted(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "report_on", interrupted)
        code, _, error = run(*FAST, "run=broken", "seed=1")
    assert code == 130
    assert "interrupted; what was learnt is kept. To go on:" in error
    assert error.rstrip().endswith("-m nas.train run=broken resume=true")
    assert run("resume=true", "run=broken")[0] == 0
    assert run(*FAST, "run=whole", "seed=1")[0] == 0
    one, other = (read_state(tmp_path / name).tensors for name in ("broken", "whole"))
    assert all(one[name].equal(other[name]) for name in other)
    rows = [(tmp_path / name / "metrics.csv").read_text().splitlines() for name in ("broken", "whole")]
    steps = [[line.split(",")[0] for line in lines] for lines in rows]
    assert steps[0] == steps[1]


def test_real_pictures_with_a_val_split_and_weights_of_other_classes(run, trained, tmp_path, caplog):
    given = content()
    write(tmp_path / "set", given)
    shutil.copytree(tmp_path / "set" / "train2017", tmp_path / "set" / "val2017")
    shutil.copy(
        tmp_path / "set" / "annotations" / "instances_train2017.json",
        tmp_path / "set" / "annotations" / "instances_val2017.json",
    )
    own = ["data=coco", "data.root=set", *PROTOCOL, "protocol.validations=1", "protocol.most_steps=2"]
    code, output, error = run(*own, "weights=trained/best.safetensors", "run=second")
    assert code == 0, error
    assert "measured on 4 pictures of the val split set/annotations/instances_val2017.json" in output
    assert "pictures are decoded from their files each time, to be resized once, to the scale that is drawn." in output
    assert "only the data set has 'train', 'toothbrush'; only the weights have 'disc'" in output
    assert read_trained_on(tmp_path / "second" / "best.safetensors").class_names == ("train", "toothbrush")
    given["annotations"].pop()
    (tmp_path / "set" / "annotations" / "instances_train2017.json").write_text(json.dumps(given))
    code, _, error = run("resume=true", "run=second")
    assert code == 2
    assert "the data set is not the one that this training began with" in error


def test_the_best_of_a_search_are_trained_and_compared(run, tmp_path, monkeypatch, capsys):
    searched = ["space=toy", "controller=random", "proxy=synthetic", "runner=serial", "samples=4", "data.images=16"]
    code, _, error = run_as_user(
        monkeypatch, capsys, "search", search.search, *searched, "run=found", configure=search.configure
    )
    assert code == 0, error
    short = ["protocol.most_steps=2", "protocol.validations=1"]
    settings = [*DETECTOR, *PROTOCOL, *short, "run=found", "out=here", "top=2"]
    code, output, error = run(*settings)
    assert code == 0, error
    assert re.search(r"of the search in found: trial \d, trial \d, 1 seed each", output)
    assert len(list((tmp_path / "here").glob("trial-*-seed-0/best.safetensors"))) == 2
    assert re.search(r"trial \d is better than trial \d by .* AP; one seed does not tell whether that is luck", output)
    code, again, _ = run(*settings)
    assert code == 0
    assert "step 1 of" not in again
    assert again.splitlines()[-1] == output.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["arch=spinenet-50"], "spinenet-50"),
        (["protocol=D"], "unknown protocol 'D'; there are: 72_epochs, A, B, C, short"),
        (["protocol.epoch=3"], "unknown key 'protocol.epoch' (did you mean 'protocol.epochs'?)"),
        (["protocol.image_size=40", "convention=mmdet"], "protocol.image_size is 40: 40 is not a multiple of 128"),
        (["batch=0"], "batch is 0; it must be at least 1"),
        (["batch=some"], "batch is 'some'; it must be an integer"),
        (["decode=live"], "decode is live and data synthetic has no picture files"),
        (["precision=float16"], "precision is 'float16'"),
        (["compile=maybe"], "compile is 'maybe'; it must be true, false or auto"),
        (["hours=0"], "hours is 0; it must be above 0"),
        (["reserve=16"], "reserve is 16 and there is a val split, synthetic, val; leave it out"),
        (["head=classifier"], "head is 'classifier', which nas.train does not train"),
        (["weights=none.safetensors"], "weights none.safetensors: there is no such file"),
        (["top=2"], "top is 2; it is for run=SEARCH, the folder of a search"),
        (["resume=true", "run=nowhere"], "run folder nowhere holds no state of a training"),
    ],
)
def test_bad_input(run, arguments, sentence):
    code, _, error = run(*FAST, *arguments)
    assert code == 2
    assert sentence in error


def test_a_training_is_not_begun_twice_nor_changed_on_the_way(run, trained):
    code, _, error = run(*FAST, "run=trained")
    assert (code, "run folder trained holds a training; give resume=true" in error) == (2, True)
    code, _, error = run("resume=true", "run=trained", "protocol.learning_rate=0.5")
    assert (code, "resume=true: protocol.learning_rate is not what the training began with" in error) == (2, True)
    code, _, error = run(*PROTOCOL, "weights=trained/best.safetensors", "arch=r50-fpn")
    assert (code, "they are of another architecture than r50-fpn" in error) == (2, True)


def test_nothing_is_left_where_nothing_began(run, tmp_path):
    assert run(*FAST, "head=classifier", "run=none")[0] == 2
    assert not Path(tmp_path / "none").exists()
