"""COCO's twelve numbers: both backends agree, and known cases give known numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nas.evaluation import METRICS, coco_metrics
from search_spaces.errors import ConfigError


def _random_boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corners = rng.uniform(0, 200, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(1, 150, (count, 2))], axis=1).astype(np.float32)


def _random_truth(rng: np.random.Generator, count: int, classes: int) -> dict[str, np.ndarray]:
    boxes = _random_boxes(rng, count)
    return {
        "boxes": boxes,
        "labels": rng.integers(1, classes + 1, count),
        "areas": np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) * rng.uniform(0.5, 1, count),
        "crowd": rng.random(count) < 0.1,
    }


def _random_detections(rng: np.random.Generator, truth: dict[str, np.ndarray], classes: int) -> dict[str, np.ndarray]:
    jittered = truth["boxes"] + rng.normal(0, 5, truth["boxes"].shape)
    jittered[:, 2:] = np.maximum(jittered[:, 2:], jittered[:, :2] + 1)
    extra = int(rng.integers(0, 6))
    boxes = np.concatenate([jittered, _random_boxes(rng, extra)])
    labels = np.concatenate([truth["labels"], rng.integers(1, classes + 1, extra)])
    keep = rng.random(len(boxes)) < 0.8
    return {"boxes": boxes[keep], "scores": rng.random(len(boxes))[keep], "labels": labels[keep]}


@given(seed=st.integers(0, 10_000), images=st.integers(1, 6), classes=st.integers(1, 4), most=st.integers(0, 8))
@settings(max_examples=25, deadline=None)
def test_backends_agree(seed: int, images: int, classes: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    truth = [_random_truth(rng, int(rng.integers(0, most + 1)), classes) for _ in range(images)]
    found = [_random_detections(rng, one, classes) for one in truth]
    reference = coco_metrics(truth, found, classes, "pycocotools")
    assert coco_metrics(truth, found, classes) == pytest.approx(reference, abs=1e-9)
    assert tuple(reference) == METRICS


@pytest.mark.parametrize("backend", ["faster", "pycocotools"])
def test_perfect_detections_give_one_and_none_give_zero(backend: str) -> None:
    rng = np.random.default_rng(0)
    truth = [{**_random_truth(rng, 4, 3), "crowd": np.zeros(4, dtype=bool)} for _ in range(3)]
    perfect = [{"boxes": one["boxes"], "labels": one["labels"], "scores": np.full(4, 0.9)} for one in truth]
    nothing = [{"boxes": np.zeros((0, 4)), "labels": np.zeros(0), "scores": np.zeros(0)} for _ in truth]
    assert coco_metrics(truth, perfect, 3, backend)["ap"] == pytest.approx(1)
    assert coco_metrics(truth, nothing, 3, backend)["ap"] == 0


def test_no_truth_at_all_is_minus_one_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    empty = {name: np.zeros((0, 4)) if name == "boxes" else np.zeros(0) for name in ("boxes", "labels", "scores")}
    for backend in ("faster", "pycocotools"):
        assert coco_metrics([empty], [empty], 2, backend)["ap"] == -1
    assert capsys.readouterr() == ("", "")


def test_unknown_backend() -> None:
    with pytest.raises(ConfigError, match=r"'fast'.*faster, pycocotools"):
        coco_metrics([], [], 1, "fast")
