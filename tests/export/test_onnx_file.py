"""An ONNX file finds in a picture what the detector finds."""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nas.datasets.augment import normalise
from nas.detectors import DetectionSettings
from nas.detectors.heads.fixed_shapes import align_fixed, proposals_fixed
from nas.detectors.heads.regions import align_regions
from nas.detectors.heads.rpn import INFERENCE
from nas.export import check_onnx, export_onnx
from nas.export.onnx_file import _compare
from search_spaces.errors import ConfigError
from tests.export.export_support import drawn_picture, small_detector

SETTINGS = DetectionSettings(candidates=1000)
CASES = {
    "spinenet, tpu": ("spinenet-49", "retinanet", {}),
    "resnet, mmdet": ("r50-fpn", "retinanet", {"convention": "mmdet", "inclusive_pixels": True}),
    "mask_rcnn": ("r50-fpn-2-6", "mask_rcnn", {}),
    "classifier": ("r50-fpn", "classifier", {"convention": "model_garden", "activation": "swish"}),
}
SIZES = {"spinenet, tpu": (104, 168), "resnet, mmdet": (96, 128)}  # 104 x 168: up-sampling by broken factors
REAL = os.environ.get("SPINENET_TEST_DATA")


@pytest.fixture(scope="module", params=CASES)
def exported(request, tmp_path_factory):
    """A detector, its file, and the image size."""
    name, head, changes = CASES[request.param]
    detector = small_detector(name, head, **changes)
    size = SIZES.get(request.param, (128, 128))
    path = tmp_path_factory.mktemp("onnx") / "detector.onnx"
    export_onnx(detector, size, path, SETTINGS)
    return detector, path, size


def check(detector, path, images):
    result = check_onnx(path, detector, images, SETTINGS)
    if detector.head_name == "classifier":
        assert result.keys() == {"logits", "probabilities"}
    else:
        assert result.pop("count") > 0
        assert result.pop("missing") == 0
        assert result.keys() >= {"boxes", "scores"}
    assert max(result.values()) < 1e-4, result


def test_a_drawn_picture(exported):
    detector, path, size = exported
    check(detector, path, drawn_picture(*size))


@pytest.mark.skipif(not REAL, reason="SPINENET_TEST_DATA is not set to a folder with coco128")
def test_real_photographs(exported):
    detector, path, size = exported
    photographs = sorted((Path(str(REAL)) / "coco128").rglob("*.jpg"))[:3]
    assert photographs
    for photograph in photographs:
        with Image.open(photograph) as picture:
            pixels = np.array(picture.convert("RGB").resize(size[::-1]))
        check(detector, path, normalise(torch.from_numpy(pixels).permute(2, 0, 1)[None]))


def test_another_detector_is_noticed(exported):
    detector, path, size = exported
    other = small_detector(detector.architecture, detector.head_name, **{"width": detector.scaling.width})
    images = drawn_picture(*size)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(0.9)
    result = check_onnx(path, other, images, SETTINGS)
    assert max(value for name, value in result.items() if name != "count") > 1e-3


def test_what_only_one_side_finds_is_counted():
    def found(*labels):
        count = len(labels)
        corner = torch.tensor(labels, dtype=torch.float32)[:, None] * 10
        return {
            "boxes": corner + torch.tensor([0.0, 0.0, 5.0, 5.0]),
            "scores": torch.full((count,), 0.5),
            "labels": torch.tensor(labels, dtype=torch.long),
            "count": torch.tensor(count),
        }

    for ours, theirs, missing in (((), (), 0), ((1, 2), (2, 1), 0), ((1,), (), 1), ((), (3,), 1), ((1, 2), (2, 3), 2)):
        result = _compare(found(*ours), {key: value for key, value in found(*theirs).items() if key != "count"})
        assert result == {"count": len(theirs), "missing": missing, "boxes": 0.0, "scores": 0.0}


@torch.no_grad()
def test_fixed_shapes_of_mask_rcnn_change_nothing():
    detector, images = small_detector("spinenet-49", "mask_rcnn"), drawn_picture(96, 160)
    raw = detector(images)
    (expected,) = detector.proposals(raw, (96, 160))
    logits, codes, anchors = detector._by_level(raw)
    first = ([x[0] for x in logits], [x[0] for x in codes])
    regions, valid = proposals_fixed(*first, anchors, (96, 160), INFERENCE)
    assert int(valid.sum()) == len(expected) < len(regions)
    torch.testing.assert_close(regions[: len(expected)], expected)
    assert not regions[len(expected) :].any()
    for size in (7, 14):
        ours, theirs = align_fixed(raw["endpoints"], expected, size), align_regions(raw["endpoints"], [expected], size)
        torch.testing.assert_close(ours, theirs)


def test_a_missing_package_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(
        "nas.export.onnx_file.find_spec", lambda name: None if name == "onnxscript" else importlib.util.find_spec(name)
    )
    with pytest.raises(ConfigError, match=r"ONNX needs onnxscript, .* pip install 'spinenet-search\[export\]'"):
        export_onnx(small_detector("r50-fpn"), 32, tmp_path / "detector.onnx")
