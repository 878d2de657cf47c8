"""A detector on a data set: boxes and masks in original pixels, as pycocotools measures them when fed by hand."""

import contextlib
import io
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from nas.datasets.augment import AugmentSettings
from nas.datasets.dataset import DetectionData
from nas.datasets.registry import open_data
from nas.datasets.synthetic import SyntheticSettings, open_synthetic
from nas.detectors import DetectionSettings, Detector, paste_masks
from nas.evaluation import METRICS, evaluate
from nas.evaluation.evaluate import encode_pasted
from nas.training.input import batches
from nas.training.loop import train
from nas.training.optimiser import OptimiserSettings
from nas.training.schedule import Schedule
from search_spaces.errors import ConfigError
from tests.datasets.square_support import blank_data
from tests.training.training_support import tiny_detector

REAL = os.environ.get("SPINENET_TEST_DATA")
needs_real = pytest.mark.skipif(not REAL, reason="SPINENET_TEST_DATA is not set to a folder with coco128 and bccd")
MASK_METRICS = {f"mask_{name}" for name in METRICS}


class Oracle(Detector):
    """Finds what it is told, image after image, in pixels of the square image."""

    head_name = "mask_rcnn"

    def __init__(self, answers: list[dict[str, Tensor]]) -> None:
        torch.nn.Module.__init__(self)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.answers, self.modes = answers, set()

    def forward(self, images: Tensor) -> dict[str, Any]:
        raise NotImplementedError

    def loss(self, *_: Any) -> dict[str, Tensor]:
        raise NotImplementedError

    fixed = head_parts = head_roles = head_resolved = loss  # type: ignore[assignment]

    def detect(self, images: Tensor, settings: DetectionSettings | None = None) -> list[dict[str, Tensor]]:
        self.modes.add(self.training)
        found, self.answers = self.answers[: len(images)], self.answers[len(images) :]
        return found


def perfect_answers(data: DetectionData, positions: int = 112) -> list[dict[str, Tensor]]:
    """Every object with its own mask, sampled at ``positions`` places along each side of its box."""
    answers = []
    for index in range(len(data)):
        objects = data.objects(index)
        assert objects.masks is not None
        bitmaps = torch.from_numpy(objects.masks.decode()).float()
        boxes = torch.from_numpy(objects.boxes)
        answers.append(
            {
                "boxes": boxes,
                "scores": torch.linspace(0.9, 0.5, len(boxes)),
                "labels": torch.from_numpy(objects.labels),
                "masks": crop(bitmaps, boxes, positions),
            }
        )
    return answers


def crop(bitmaps: Tensor, boxes: Tensor, positions: int) -> Tensor:
    """The nearest pixel at each position: [n, positions, positions]."""
    steps = (torch.arange(positions) + 0.5) / positions
    side = bitmaps.shape[-1] - 1
    columns = (boxes[:, :1] + steps * (boxes[:, 2:3] - boxes[:, :1])).long().clamp(max=side)
    rows = (boxes[:, 1:2] + steps * (boxes[:, 3:] - boxes[:, 1:2])).long().clamp(max=side)
    return torch.stack([one[y][:, x] for one, y, x in zip(bitmaps, rows, columns)]) if len(boxes) else bitmaps


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> DetectionData:
    return open_synthetic(SyntheticSettings(images=12), 64, tmp_path_factory.mktemp("cache"))


def test_perfect_detections_give_one(synthetic: DetectionData) -> None:
    numbers = evaluate(Oracle(perfect_answers(synthetic)), synthetic, range(len(synthetic)), batch_size=5)
    assert set(numbers) == set(METRICS) | MASK_METRICS
    assert numbers["ap"] == pytest.approx(1)
    assert numbers["mask_ap"] == pytest.approx(1)


def test_masks_of_the_wrong_shape_give_less(synthetic: DetectionData) -> None:
    answers = [answer | {"masks": 1 - answer["masks"]} for answer in perfect_answers(synthetic)]
    numbers = evaluate(Oracle(answers), synthetic, range(len(synthetic)))
    assert numbers["ap"] == pytest.approx(1)
    assert numbers["mask_ap"] < 0.2


def test_pasted_masks_are_encoded_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = torch.rand(7, 28, 28, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[1.0, 2, 30, 40]]).repeat(7, 1) + torch.arange(7)[:, None]
    whole = encode_pasted(masks, boxes, (60, 50))
    monkeypatch.setattr(import_module("nas.evaluation.evaluate"), "_PASTED_AT_ONCE", 2 * 60 * 50)
    assert encode_pasted(masks, boxes, (60, 50)) == whole
    expected = (paste_masks(masks, boxes, (60, 50)) > 0.5).numpy()
    np.testing.assert_array_equal(coco_mask.decode(whole).transpose(2, 0, 1), expected)


def by_hand(reference: COCO, found: list[dict[str, Any]], iou_type: str) -> dict[str, float]:
    """The twelve numbers as a user of pycocotools gets them from a results list."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(reference, reference.loadRes(found), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(METRICS, map(float, evaluation.stats)))


@needs_real
@pytest.mark.parametrize("backend", ["faster", "pycocotools"])
def test_real_images_are_measured_as_pycocotools_does_by_hand(tmp_path: Path, backend: str) -> None:
    file = Path(str(REAL)) / "coco128" / "annotations" / "masks_train2017.json"
    layout = {"kind": "coco", "root": f"{REAL}/coco128", "train_annotations": f"annotations/{file.name}"}
    data = open_data(layout, 320, tmp_path)
    chosen = range(20)
    generator = torch.Generator().manual_seed(0)
    answers = perfect_answers(data)[:20]
    for answer in answers:
        answer["boxes"] = (answer["boxes"] + torch.randn(answer["boxes"].shape, generator=generator) * 3).clamp(0, 320)
        answer["boxes"][:, 2:] = torch.maximum(answer["boxes"][:, 2:], answer["boxes"][:, :2] + 1)
        answer["scores"] = torch.rand(len(answer["boxes"]), generator=generator)
    numbers = evaluate(Oracle(list(answers)), data, chosen, backend=backend)

    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO(str(file))
    images = reference.dataset["images"][:20]
    categories = sorted(reference.getCatIds())
    kept = {image["id"] for image in images}
    reference.dataset["images"] = images
    reference.dataset["annotations"] = [one for one in reference.dataset["annotations"] if one["image_id"] in kept]
    with contextlib.redirect_stdout(io.StringIO()):
        reference.createIndex()
    for iou_type, prefix in (("bbox", ""), ("segm", "mask_")):
        found = []
        for image, answer in zip(images, answers):
            scale = 320 / max(image["width"], image["height"])
            boxes = answer["boxes"] / scale
            pasted = paste_masks(answer["masks"], boxes, (image["height"], image["width"])) > 0.5
            for box, bitmap, label, score in zip(boxes.tolist(), pasted, answer["labels"], answer["scores"]):
                row = {"image_id": image["id"], "category_id": categories[int(label) - 1], "score": float(score)}
                if iou_type == "bbox":
                    row["bbox"] = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
                else:
                    row["segmentation"] = coco_mask.encode(np.asfortranarray(bitmap.numpy(), dtype=np.uint8))
                found.append(row)
        expected = by_hand(reference, found, iou_type)
        assert {name: numbers[prefix + name] for name in METRICS} == pytest.approx(expected, abs=1e-6)
        assert 0.1 < expected["ap"] < 0.95


@pytest.mark.parametrize("training", [True, False])
def test_the_detector_is_left_as_it_was(synthetic: DetectionData, training: bool) -> None:
    detector = tiny_detector().train(training)
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    numbers = evaluate(detector, synthetic, range(4))
    assert set(numbers) == set(METRICS)
    assert detector.training == training
    assert all(torch.equal(value, before[name]) for name, value in detector.state_dict().items())
    oracle = Oracle(perfect_answers(synthetic)).train(training)
    evaluate(oracle, synthetic, range(4))
    assert oracle.modes == {False}


def test_masks_are_not_measured_where_objects_have_none(caplog: pytest.LogCaptureFixture) -> None:
    answer = {"boxes": torch.tensor([[1.0, 2, 5, 6]]), "scores": torch.ones(1), "labels": torch.ones(1).long()}
    answers = [answer | {"masks": torch.ones(1, 28, 28)}] * 2
    numbers = evaluate(Oracle(list(answers)), blank_data(2), range(2))
    assert set(numbers) == set(METRICS)
    assert numbers["ap"] == pytest.approx(1)
    assert "data set blank: masks are not measured, since some objects have none." in caplog.text
    assert evaluate(Oracle(list(answers)), blank_data(2, masks=True), range(2))["mask_ap"] == pytest.approx(1)


def test_a_classifier_is_no_detector(synthetic: DetectionData) -> None:
    with pytest.raises(
        ConfigError, match="evaluation needs a detector; a network with head 'classifier' finds no objects"
    ):
        evaluate(tiny_detector(head="classifier"), synthetic, range(2))


def test_a_mask_rcnn_is_trained_and_measured_on_the_embedded_set(synthetic: DetectionData) -> None:
    detector = tiny_detector(head="mask_rcnn")
    source = batches(synthetic, range(10), 2, AugmentSettings(scale_min=0.8, scale_max=1.25), 0, masks=True)
    train(detector, source, Schedule(0.003, 5), OptimiserSettings(kind="adamw"))
    numbers = evaluate(detector, synthetic, [10, 11], settings=DetectionSettings(score_threshold=0.0, candidates=50))
    assert set(numbers) == set(METRICS) | MASK_METRICS
    assert all(-1 <= value <= 1 for value in numbers.values())
