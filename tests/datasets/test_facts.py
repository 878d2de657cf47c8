"""What matters about a data set: sizes, shares, and what no anchor takes."""

import numpy as np
import pytest
import torch

from nas.datasets import facts as module
from nas.datasets.facts import Facts, choose_samples, find_facts, least_side
from nas.datasets.registry import open_data
from nas.detectors.boxes import pairwise_iou
from nas.detectors.heads import matching
from nas.detectors.heads.anchors import anchor_boxes


def made(*boxes: tuple[float, float, float, float], size: tuple[int, int] = (100, 200), image_size: int = 100) -> Facts:
    """An image with these objects, all of one class, and one without."""
    count = len(boxes)
    corners = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    labels, owners = np.ones(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    return Facts(("a", "b"), labels, owners, corners, np.asarray([size, size]), image_size)


def test_sides_and_shares() -> None:
    facts = made((0, 0, 40, 10), (10, 10, 30, 30))
    np.testing.assert_allclose(facts.sides, [20, 20])
    np.testing.assert_allclose(facts.shares, [0.02, 0.02])
    np.testing.assert_allclose(facts.square_sides(), [10, 10])
    np.testing.assert_allclose(facts.square_sides(400), [40, 40])
    assert facts.per_image.tolist() == [2, 0]
    assert facts.per_class.tolist() == [2, 0]


@pytest.mark.parametrize("anchor_size", [3.0, 4.0])
def test_the_rule_is_that_of_the_anchors(anchor_size: float) -> None:
    """A square box a little smaller than the rule says reaches 0.5 with no anchor, a little larger one does."""
    assert matching.POSITIVE_IOU == module.POSITIVE_IOU
    anchors = anchor_boxes(((3, (12, 12)), (4, (6, 6))), anchor_size, torch.device("cpu"))
    corners = torch.cat([anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2], dim=1)[
        :, [1, 0, 3, 2]
    ]
    middle = corners[0, :2] / 2 + corners[0, 2:] / 2
    for factor, reached in ((0.99, False), (1.01, True)):
        half = least_side(anchor_size) * factor / 2
        box = torch.cat([middle - half, middle + half])[None, None]
        assert bool(pairwise_iou(box, corners).max() >= module.POSITIVE_IOU) is reached
        facts = made(tuple(box[0, 0].tolist()), size=(96, 96), image_size=96)
        assert facts.too_small(anchor_size).tolist() == [not reached]


def test_a_larger_image_shows_more() -> None:
    facts = made((0, 0, 20, 20), (0, 0, 80, 80))
    assert facts.too_small(3.0).tolist() == [True, False]
    assert facts.too_small(3.0, 400).tolist() == [False, False]


def test_facts_of_the_embedded_set(tmp_path) -> None:
    data = open_data({"kind": "synthetic", "images": 6}, 32, tmp_path)
    facts = find_facts(data)
    assert facts.per_class.sum() == facts.per_image.sum() == len(facts.labels)
    assert len(facts.sizes) == 6
    np.testing.assert_allclose(facts.square_sides(), facts.sides)


def test_samples_show_every_class_and_are_always_the_same() -> None:
    owners = np.asarray([3, 7, 7, 12])
    sizes = np.full((40, 2), 50)
    facts = Facts(("a", "b", "c"), np.asarray([1, 2, 1, 3]), owners, np.zeros((4, 4), np.float32), sizes, 50)
    chosen = choose_samples(facts, 5)
    assert {7, 12} <= set(chosen)
    assert 3 in chosen, "pictures with objects go first"
    assert len(set(chosen)) == 5
    assert chosen == choose_samples(facts, 5) == tuple(sorted(chosen))
    assert len(choose_samples(facts, 100)) == 40
