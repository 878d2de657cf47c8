"""``nas.compile`` as a user runs it: costs, files, and bad input with exit code 2."""

import dataclasses
import json
import re

import pytest
import torch
from PIL import Image

import search_spaces
from nas import compile as command
from nas.command_line.config import load_config
from nas.detectors import PUBLISHED, Scaling, build_detector, load_detector, save_detector
from tests.nas.nas_support import run_as_user

TINY = ["width=0.3", "endpoints=8", "head_channels=8", "head_depth=1"]


@pytest.fixture
def run_compile(monkeypatch, capsys):
    return lambda *arguments: run_as_user(monkeypatch, capsys, "compile", command.compile_architecture, *arguments)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small RetinaNet on SpineNet-49 with 3 classes, saved."""
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    torch.manual_seed(1)
    scaling = Scaling(width=0.25, alpha=0.25, endpoints=8, head_channels=8, head_depth=1)
    save_detector(build_detector("spinenet-49", scaling, classes=3), path)
    return path


def test_without_a_name_it_lists_all_published_detectors(run_compile):
    code, output, _ = run_compile()
    assert code == 0
    rows = {line.split()[0]: line.split() for line in output.splitlines()[1:]}
    assert list(rows) == list(PUBLISHED)
    assert rows["spinenet-49"][1:] == ["retinanet", "640", "28,543,383", "109,184", "85.414", "G"]
    assert rows["spinenet-mobile-49xs"][2:4] == ["256", "872,711"]
    assert rows["spinenet-190"][2:4] == ["1280", "163,637,351"]


def test_one_size_for_the_whole_list(run_compile):
    code, output, _ = run_compile("image_size=128", "format=json")
    assert code == 0
    rows = json.loads(output)
    assert {row["image_size"] for row in rows} == {128}
    assert [row["architecture"] for row in rows] == list(PUBLISHED)


@pytest.mark.parametrize(
    ("arguments", "size", "classes", "parameters"),
    [
        (["arch=spinenet-49"], 640, 91, 28_543_383),
        (["arch=spinenet-96"], 640, 91, 42_974_871),
        (["arch=spinenet-49", "head=classifier"], 640, 1001, 22_088_745),
        (["arch=r50-fpn", "head=mask_rcnn"], 640, 91, 46_367_089),
        (["arch=spinenet-49", "width=0.25", "alpha=0.25", "endpoints=64", "head_channels=64"], 640, 91, 1_963_575),
    ],
)
def test_the_json_object(arguments, size, classes, parameters, run_compile):
    code, output, _ = run_compile(*arguments, "format=json")
    assert code == 0
    row = json.loads(output)
    assert list(row) == [
        "architecture",
        "fingerprint",
        "head",
        "classes",
        "image_size",
        "params_trainable",
        "params_batch_norm_statistics",
        "multiply_adds",
        "activation_bytes",
        "scaling",
    ]
    assert (row["image_size"], row["classes"], row["params_trainable"]) == (size, classes, parameters)


def test_every_scaling_setting_can_be_given(run_compile):
    settings = load_config("compile", [])
    assert {field.name for field in dataclasses.fields(Scaling)} <= set(settings)
    _, plain, _ = run_compile("arch=spinenet-49", "format=json")
    _, other, _ = run_compile("arch=spinenet-49", "separable=true", "repeats=2", "convention=mmdet", "format=json")
    assert json.loads(other)["params_trainable"] != json.loads(plain)["params_trainable"]


def test_the_cost_of_each_part_adds_up(run_compile):
    code, output, _ = run_compile("arch=spinenet-49", "image_size=[128,256]", "blocks=true", "format=json")
    assert code == 0
    row = json.loads(output)
    assert row["image_size"] == [128, 256]
    for key in ("params_trainable", "params_batch_norm_statistics", "multiply_adds"):
        assert sum(block[key] for block in row["blocks"]) == row[key]
    code, output, _ = run_compile("arch=spinenet-49", "blocks=true")
    assert code == 0
    assert sum(" MB" in line for line in output.splitlines()) == len(row["blocks"]) + 1  # and the sum


def test_a_file_has_the_default_size(run_compile, tmp_path):
    path = tmp_path / "found.json"
    path.write_text(search_spaces.load("r0-sp53").to_json())
    code, output, _ = run_compile(f"arch={path}", "format=json")
    assert code == 0
    row = json.loads(output)
    assert (row["architecture"], row["image_size"], row["params_trainable"]) == (str(path), 640, 26_056_215)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["arch=spinenet-49", "image_size=100"], "height 100 is not a multiple of 8; the nearest is 96 or 104"),
        (["arch=spinenet-mobile-49", "image_size=200"], "not a multiple of 128; the nearest is 128 or 256"),
        (["arch=r50-fpn", "image_size=[64,40]"], "width 40 is not a multiple of 32; the nearest is 32 or 64"),
        (["arch=spinenet-49", "image_size=[64]"], "image_size is"),
        (["arch=spinenet-49", "image_size=true"], "image_size is"),
        (["arch=spinenet-49", "format=xml"], "format is 'xml'; it must be one of: table, json"),
        (["arch=spinenet-94"], "did you mean"),
        (["arch=spinenet-49", "activation=silent"], "error: activation is 'silent'; it must be one of: relu, swish."),
        (["arch=spinenet-49", "width=1e300"], "error: width is 1e+300; it must be above 0 and at most 10000."),
        (["arch=spinenet-49", "width=big"], "error: width is 'big'; it must be a finite number."),
        (["arch=spinenet-49", "head=yolo"], "unknown head 'yolo'"),
        (["out=files"], "out is given without arch or weights"),
        (["arch=spinenet-49", "weights=nowhere.safetensors"], "there is no such file"),
        (["arch=r50-fpn", "out=files", "image=nowhere.png", *TINY, "image_size=64"], "cannot be read as a picture"),
    ],
)
def test_bad_input(arguments, message, run_compile, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, _, error = run_compile(*arguments)
    assert code == 2
    assert message in error
    assert not (tmp_path / "files").exists()


def test_weights_bring_their_own_settings(weights, run_compile):
    code, output, _ = run_compile(f"weights={weights}", "image_size=128", "format=json")
    assert code == 0
    row = json.loads(output)
    assert (row["architecture"], row["classes"]) == (str(weights), 3)
    assert row["fingerprint"] == search_spaces.load("spinenet-49").fingerprint
    code, _, _ = run_compile(f"weights={weights}", "width=0.25", "classes=3", "head=retinanet")
    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["arch=r0-sp53"], "of another architecture than r0-sp53"),
        (["width=0.5"], "their width is 0.25, not 0.5"),
    ],
)
def test_weights_that_disagree(arguments, message, weights, run_compile):
    code, _, error = run_compile(f"weights={weights}", *arguments)
    assert code == 2
    assert message in error


def test_the_files(run_compile, tmp_path):
    """Random weights find nothing above 0.05: the ONNX file agrees on that, too."""
    code, output, error = run_compile("arch=r50-fpn", *TINY, "image_size=[64,96]", f"out={tmp_path / 'files'}")
    assert code == 0, error
    assert "a drawn scene" in output
    assert {path.name for path in (tmp_path / "files").iterdir()} == {"program.pt2", "detector.onnx", "bundle"}
    assert "count 0, missing 0" in output


def test_files_of_weights_checked_on_a_picture(weights, run_compile, tmp_path):
    Image.linear_gradient("L").save(tmp_path / "picture.png")
    settings = ["image_size=128", "score_threshold=0.009", f"image={tmp_path / 'picture.png'}", "format=json"]
    code, output, error = run_compile(f"weights={weights}", *settings, f"out={tmp_path / 'files'}")
    assert code == 0, error
    program, onnx, bundle = json.loads(output)["files"]
    assert {row["image"] for row in (program, onnx, bundle)} == {str(tmp_path / "picture.png")}
    assert program["differences"]["raw outputs"] < 1e-5
    assert bundle["differences"]["raw outputs"] < 1e-4
    assert onnx["differences"]["count"] > 0
    assert onnx["differences"]["missing"] == 0
    assert bundle["bytes"] == sum(file.stat().st_size for file in (tmp_path / "files" / "bundle").glob("*.*"))
    again = load_detector(tmp_path / "files" / "bundle" / "weights.safetensors")
    torch.testing.assert_close(again.state_dict(), load_detector(weights).state_dict(), rtol=0, atol=0)


def test_a_measurement_is_part_of_the_json_object(run_compile):
    arguments = ["arch=spinenet-49", *TINY, "image_size=128", "measure=true", "runs=2", "warmup=1"]
    code, output, _ = run_compile(*arguments, "format=json")
    assert code == 0
    assert json.loads(output)["latency"]["runs"] == 2
    code, output, _ = run_compile(*arguments)
    assert code == 0
    assert "method: median of 2 runs after 1 to warm up" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fast=true"], "fast is for measure=true"),
        (["measure=true", "device=gpu"], "it must be auto, cpu, cuda"),
        (["measure=true", "fast=true", "precision=bfloat16"], "in float32 alone"),
        (["measure=true", "runs=0"], "runs is 0"),
        (["head=maskrcnn"], "did you mean 'mask_rcnn'"),
        (["width=1e300"], "width is 1e\\+300"),
        (["out=5", "image=7"], "image 7: it cannot be read"),
    ],
)
def test_bad_settings_of_a_use(arguments, words, run_compile):
    code, _, error = run_compile("arch=spinenet-49", *TINY, "image_size=128", *arguments)
    assert code == 2
    assert re.search(words, error), error
