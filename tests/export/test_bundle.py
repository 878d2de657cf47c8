"""A bundle computes what the detector does, in a process where torch is all there is."""

import ast
import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import search_spaces
from nas.datasets.colour import IMAGENET_MEAN, IMAGENET_STD
from nas.detectors import CONVENTIONS, load_detector
from nas.export import bundle
from nas.export.bundle import HEADS, check_bundle, write_bundle
from nas.export.standalone import graph
from search_spaces.errors import ConfigError
from tests.export.export_support import drawn_picture, small_detector

CHECK = """
import importlib.util, json, pathlib, sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("nas", "search_spaces", "proxies", "controllers", "torchvision", "safetensors"):
            raise ImportError(name + " is not there")

sys.meta_path.insert(0, Refuse())
import torch
torch.set_num_threads(1)
results = {}
for folder in sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if path.is_dir()):
    spec = importlib.util.spec_from_file_location("detector", folder / "detector.py")
    detector = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(detector)
    network = detector.load(folder)
    case = torch.load(folder / "case.pt")
    raw, worst = network(case["images"]), 0.0
    for name, expected in case["raw"].items():
        maps = raw[name].items() if isinstance(raw[name], dict) else [("", raw[name])]
        assert [key for key, _ in maps] == list(expected), name
        for key, value in maps:
            largest = max(1.0, float(expected[key].abs().max()))
            worst = max(worst, float((value - expected[key]).detach().abs().max()) / largest)
    if "image_size" in raw:
        network.forward = lambda images: case["raw"] | {"image_size": images.shape[2:]}
    elif isinstance(raw["class"], dict):
        network.forward = lambda images: case["raw"]
    find = network.detect if hasattr(network, "detect") else network.classify
    found, lost = find(case["images"]), 0
    for ours, theirs in zip(found, case["found"], strict=True):
        assert ours.keys() == theirs.keys()
        near = ours["labels"][:, None] == theirs["labels"]
        for key in set(ours) - {"labels"}:
            apart = ours[key][:, None] - theirs[key][None]
            near &= apart.abs().flatten(2).amax(2) < 1e-3 if apart.dim() > 2 else apart.abs() < 1e-5
        lost += int((~near.any(0)).sum() + (~near.any(1)).sum())
    results[folder.name] = [worst, lost, sum(len(one["labels"]) for one in found)]
print(json.dumps(results))
"""

SETTINGS = {
    f"{name}, {convention}, {activation}, {head}": (
        name,
        head,
        {"convention": convention, "activation": activation, "separable": activation == "swish"},
    )
    for head in ("retinanet", "classifier", "mask_rcnn")
    for name in ("spinenet-49", "spinenet-mobile-49", "r50-fpn")
    for convention in CONVENTIONS
    for activation in ("relu", "swish")
    if head == "retinanet" or (convention == "tpu") == (activation == "swish")
}
SETTINGS["R0-SP53 repeated"] = ("r0-sp53", "retinanet", {"repeats": 2, "alpha": 1.0, "head_depth": 0})
SETTINGS["boxes to the last pixel"] = ("spinenet-49", "mask_rcnn", {"inclusive_pixels": True, "mask_depth": 2})


def random_architectures():
    space = search_spaces.build("spinenet")
    return {f"random {seed}": space.sample(np.random.default_rng(seed)) for seed in range(4)}


CASES = SETTINGS | {name: (one, "retinanet", {}) for name, one in random_architectures().items()}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Case -> largest difference over the largest output, how many detections are in one list only, how many in all."""
    home = tmp_path_factory.mktemp("bundles")
    for case, (name, head, changes) in CASES.items():
        detector = small_detector(name, head, **changes)
        size = (128, 128) if detector.backbone.multiple > 1 else (72, 100)
        images = torch.cat([drawn_picture(*size), drawn_picture(*size).flip(3)])
        write_bundle(detector, home / case)
        with torch.no_grad():
            raw = detector(images)
            maps = {key: raw[key] if isinstance(raw[key], dict) else {"": raw[key]} for key in raw}
            maps = {key: value for key, value in maps.items() if key != "image_size"}
            find = detector.classify if head == "classifier" else detector.detect
            torch.save({"images": images, "raw": maps, "found": find(images)}, home / case / "case.pt")
    script = home / "check.py"
    script.write_text(CHECK)
    command = [sys.executable, "-I", str(script), str(home)]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", CASES)
def test_a_bundle_computes_what_the_detector_does(case, results):
    difference, lost, count = results[case]
    assert difference < 1e-5
    assert count > 0
    assert lost <= (count // 50 if CASES[case][1] == "mask_rcnn" else 0)  # rounding in the box head may tip a few


def test_the_files_of_a_bundle_are_the_projects_own(tmp_path):
    detector = small_detector("spinenet-49", convention="model_garden")
    write_bundle(detector, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"architecture.json", "detector.py", "weights.safetensors"}
    assert search_spaces.load(tmp_path / "architecture.json") == detector.architecture
    notes = json.loads((tmp_path / "architecture.json").read_text())
    assert notes["scaling"] == dataclasses.asdict(detector.scaling)
    assert (notes["head"], notes["classes"]) == ("retinanet", 5)
    again = load_detector(tmp_path / "weights.safetensors")
    torch.testing.assert_close(again.state_dict(), detector.state_dict(), rtol=0, atol=0)


def test_a_bundle_with_other_weights_is_noticed(tmp_path):
    detector, images = small_detector("r50-fpn"), drawn_picture(128, 128)
    write_bundle(detector, tmp_path)
    assert check_bundle(tmp_path, detector, images) < 1e-4
    with torch.no_grad():
        detector.backbone.stem.conv.norm.bias.add_(0.5)
    assert check_bundle(tmp_path, detector, images) > 1e-3


@pytest.mark.parametrize("head", HEADS)
def test_the_python_file_is_whole_and_imports_torch_alone(head, tmp_path):
    write_bundle(small_detector("spinenet-49", head), tmp_path)
    text = (tmp_path / "detector.py").read_text()
    module = ast.parse(text)
    assert ast.get_docstring(module)
    imported = {alias.name for node in module.body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in module.body if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= {*sys.stdlib_module_names, "torch"}
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("head", HEADS)
def test_the_numbers_of_a_bundle_are_in_its_architecture_file(head, tmp_path):
    detector = small_detector("spinenet-mobile-49", head, convention="model_garden", width=0.5)
    write_bundle(detector, tmp_path)
    numbers = json.loads((tmp_path / "architecture.json").read_text())["resolved"]
    assert (numbers["mean"], numbers["deviation"]) == (list(IMAGENET_MEAN), list(IMAGENET_STD))
    assert numbers["widths"] == {"0": 4, "1": 8, "2": 12, "3": 20, "4": 40, "5": 56, "6": 56, "7": 56}
    assert (numbers["stem_channels"], numbers["image_multiple"]) == (4, 128)
    assert (numbers["gate"], numbers["aspect_ratios"]) == ("hard_sigmoid", [0.5, 1.0, 2.0])
    text = (tmp_path / "detector.py").read_text()
    assert not {"WIDTHS", "ASPECT_RATIOS", "0.485", "5000", "model_garden"} & set(re.findall(r"[\w.]+", text))


def test_numbers_of_the_architecture_file_are_used(tmp_path):
    detector, images = small_detector("spinenet-49"), drawn_picture(128, 128)
    write_bundle(detector, tmp_path)
    path = tmp_path / "architecture.json"
    path.write_text(path.read_text().replace('"same_convolutions": false', '"same_convolutions": true'))
    assert check_bundle(tmp_path, detector, images) > 1e-3


@pytest.mark.parametrize(("table", "what"), [("HEADS", "head 'retinanet'"), ("BLOCK_TYPES", "block type 'bottleneck'")])
def test_what_a_bundle_does_not_know_is_refused_in_words(table, what, monkeypatch, tmp_path):
    known = getattr(bundle, table)
    without = [name for name in known if name not in ("retinanet", "bottleneck")]
    monkeypatch.setattr(bundle, table, {name: known[name] for name in without} if table == "HEADS" else tuple(without))
    with pytest.raises(ConfigError, match=rf"{what}.* ONNX file and program.pt2 hold any network"):
        write_bundle(small_detector("spinenet-49"), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_every_part_is_used():
    parts = {path.stem for path in (Path(graph.__file__).parent).glob("*.py")} - {"__init__"}
    assert parts == {"graph", "files", "layers", "backbone"}.union(*HEADS.values())
