"""COCO's twelve numbers for boxes and masks: both backends agree, and known cases give known numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.datasets.masks import encode_masks
from nas.evaluation import METRICS, coco_metrics
from search_spaces.errors import ConfigError
from tests.datasets.square_support import boxes_as_masks
from tests.evaluation.random_images import random_detections, random_truth


@given(seed=st.integers(0, 10_000), images=st.integers(1, 6), classes=st.integers(1, 4), most=st.integers(0, 8))
@settings(max_examples=25, deadline=None)
def test_backends_agree(seed: int, images: int, classes: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    truth = [random_truth(rng, int(rng.integers(0, most + 1)), classes) for _ in range(images)]
    found = [random_detections(rng, one, classes) for one in truth]
    reference = coco_metrics(truth, found, classes, "pycocotools")
    assert coco_metrics(truth, found, classes) == pytest.approx(reference, abs=1e-9)
    assert tuple(reference) == METRICS


@pytest.mark.parametrize("backend", ["faster", "pycocotools"])
def test_perfect_detections_give_one_and_none_give_zero(backend: str) -> None:
    rng = np.random.default_rng(0)
    truth = [{**random_truth(rng, 4, 3), "crowd": np.zeros(4, dtype=bool)} for _ in range(3)]
    perfect = [{"boxes": one["boxes"], "labels": one["labels"], "scores": np.full(4, 0.9)} for one in truth]
    nothing = [{"boxes": np.zeros((0, 4)), "labels": np.zeros(0), "scores": np.zeros(0)} for _ in truth]
    assert coco_metrics(truth, perfect, 3, backend)["ap"] == pytest.approx(1)
    assert coco_metrics(truth, nothing, 3, backend)["ap"] == 0


def test_no_truth_at_all_is_minus_one_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    empty = {name: np.zeros((0, 4)) if name == "boxes" else np.zeros(0) for name in ("boxes", "labels", "scores")}
    for backend in ("faster", "pycocotools"):
        assert coco_metrics([empty], [empty], 2, backend)["ap"] == -1
    assert capsys.readouterr() == ("", "")


def _with_masks(image: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, Any]:
    """Masks of random pixels within the boxes, in an image of 400 x 360 pixels (width, height)."""
    bitmaps = boxes_as_masks(image["boxes"], 400)[:, :360]
    bitmaps &= rng.random(bitmaps.shape) < 0.8
    return {**image, "masks": [{"size": [360, 400], "counts": counts} for counts in encode_masks(bitmaps)]}


@given(seed=st.integers(0, 10_000), images=st.integers(1, 3), classes=st.integers(1, 3), most=st.integers(0, 5))
@settings(max_examples=12, deadline=None)
def test_backends_agree_on_masks(seed: int, images: int, classes: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    truth = [random_truth(rng, int(rng.integers(0, most + 1)), classes) for _ in range(images)]
    found = [_with_masks(random_detections(rng, one, classes), rng) for one in truth]
    masked = [_with_masks(one, rng) for one in truth]
    reference = coco_metrics(masked, found, classes, "pycocotools", "segm")
    assert coco_metrics(masked, found, classes, iou_type="segm") == pytest.approx(reference, abs=1e-9)
    boxes = coco_metrics(masked, found, classes)
    assert boxes == pytest.approx(coco_metrics(truth, found, classes, "pycocotools"), abs=1e-9), "masks change no box"


@pytest.mark.parametrize("backend", ["faster", "pycocotools"])
def test_masks_are_what_overlaps(backend: str) -> None:
    boxes = np.asarray([[0, 0, 20, 20]], dtype=np.float32)
    image = {"boxes": boxes, "labels": np.ones(1), "areas": np.asarray([200.0]), "crowd": np.zeros(1, dtype=bool)}
    left, right = np.zeros((1, 30, 30), dtype=bool), np.zeros((1, 30, 30), dtype=bool)
    left[0, :20, :10] = True
    right[0, :20, 10:20] = True
    one, other = ([{"size": [30, 30], "counts": encode_masks(bitmap)[0]}] for bitmap in (left, right))
    scores = {"scores": np.ones(1)}
    for masks, ap in ((one, 1.0), (other, 0.0)):
        numbers = coco_metrics([image | {"masks": one}], [image | scores | {"masks": masks}], 1, backend, "segm")
        assert numbers["ap"] == pytest.approx(ap)
    assert coco_metrics([image], [image | scores], 1, backend)["ap"] == pytest.approx(1)


def test_unknown_kind_of_overlap() -> None:
    with pytest.raises(ConfigError, match=r"^iou_type is 'mask'; it must be one of: bbox, segm\.$"):
        coco_metrics([], [], 1, iou_type="mask")


def test_unknown_backend() -> None:
    with pytest.raises(
        ConfigError, match=r"^backend is 'fast' \(did you mean 'faster'\?\); it must be one of: faster, pycocotools\.$"
    ):
        coco_metrics([], [], 1, "fast")
