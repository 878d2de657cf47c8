"""RetinaNet's losses against the plain definitions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from nas.detectors.boxes import encode, to_corners
from nas.detectors.heads.anchors import anchor_boxes
from nas.detectors.heads.losses import detection_loss, focal_loss, loss_sums
from nas.detectors.heads.matching import match

ANCHORS = anchor_boxes(((3, (8, 8)), (4, (4, 4))), 3.0, torch.device("cpu"))
CLASSES = 3


def raw_outputs(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((batch, len(ANCHORS), CLASSES), (batch, len(ANCHORS), 4))
    logits, codes = (torch.randn(shape, generator=generator).requires_grad_() for shape in shapes)
    return logits, codes


def test_focal_loss_is_the_definition() -> None:
    logits = (torch.randn(4, 5, 3, dtype=torch.float64) * 4).requires_grad_()
    positives = (torch.tensor([0, 3, 3]), torch.tensor([1, 0, 4]), torch.tensor([2, 0, 1]))
    truth = torch.zeros_like(logits)
    truth[positives] = 1
    found = focal_loss(logits, positives)
    expected = sigmoid_focal_loss(logits, truth, alpha=0.25, gamma=1.5, reduction="sum")
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, logits)[0] for loss in (found, expected)))


@pytest.mark.parametrize("value", [-200.0, 200.0])
def test_focal_loss_is_finite_for_extreme_logits(value: float) -> None:
    logits = torch.full((1, 4, 2), value, requires_grad=True)
    loss = focal_loss(logits, (torch.tensor([0]), torch.tensor([1]), torch.tensor([0])))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_both_losses_share_the_normaliser() -> None:
    logits, codes = raw_outputs(2)
    boxes = torch.tensor([[3.0, 3, 30, 28], [20, 20, 60, 63]])
    targets = [{"boxes": boxes, "labels": torch.tensor([1, 2])}, {"boxes": boxes[:0], "labels": torch.tensor([])}]
    matched = match(boxes.unsqueeze(0), to_corners(ANCHORS))[0]
    anchor = (matched >= 0).nonzero().squeeze(1)
    assert len(anchor) >= 2
    truth = torch.zeros_like(logits)
    truth[0, anchor, matched[anchor] + 1] = 1
    expected_class = sigmoid_focal_loss(logits, truth, 0.25, 1.5, "sum") / (len(anchor) + 1)
    expected_codes = encode(boxes[matched[anchor]], ANCHORS[anchor])
    huber = F.huber_loss(codes[0, anchor], expected_codes, reduction="sum", delta=0.1)
    found = detection_loss(logits, codes, ANCHORS, targets)
    torch.testing.assert_close(found["class"], expected_class)
    torch.testing.assert_close(found["box"], 50 * huber / (4 * (len(anchor) + 1)))


def test_images_without_objects_have_no_box_loss() -> None:
    logits, codes = raw_outputs(2)
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    found = detection_loss(logits, codes, ANCHORS, [empty, empty])
    assert found["box"].item() == 0
    sum(found.values()).backward()
    assert torch.isfinite(logits.grad).all()
    assert codes.grad.abs().sum() == 0


@pytest.mark.parametrize("box", [(5, 5, 5, 5), (0, 0, 1e-3, 64), (0, 0, 1e6, 1e6), (-50, -50, -10, -10), (9, 9, 2, 2)])
def test_boxes_of_any_size_have_a_finite_loss(box: tuple[float, ...]) -> None:
    logits, codes = raw_outputs(1)
    found = detection_loss(logits, codes, ANCHORS, [{"boxes": torch.tensor([box]), "labels": torch.tensor([1])}])
    sum(found.values()).backward()
    assert all(torch.isfinite(value) for value in (*found.values(), logits.grad.sum(), codes.grad.sum()))


def test_gradients_are_finite_differences() -> None:
    logits, codes = (x.detach().double().requires_grad_() for x in raw_outputs(2))
    boxes = torch.tensor([[3.0, 3, 30, 28], [20, 20, 60, 63]], dtype=torch.float64)
    targets = [{"boxes": boxes, "labels": torch.tensor([1, 2])}, {"boxes": boxes[1:], "labels": torch.tensor([2])}]
    anchors = ANCHORS.double()
    generator = torch.Generator().manual_seed(1)
    losses = detection_loss(logits, codes, anchors, targets)
    for term, x in (("class", logits), ("box", codes)):
        (gradient,) = torch.autograd.grad(losses[term], x, retain_graph=True)
        for _ in range(5):
            step = torch.randn(x.shape, generator=generator, dtype=torch.float64) * 1e-6
            sides = []
            for moved in (x.detach() + step, x.detach() - step):
                outputs = (moved, codes) if term == "class" else (logits, moved)
                sides.append(detection_loss(*outputs, anchors, targets)[term].item())
            assert (sides[0] - sides[1]) / 2 == pytest.approx((gradient * step).sum().item(), rel=1e-5, abs=1e-12)


def test_sums_of_parts_make_the_loss_of_the_whole() -> None:
    logits, codes = raw_outputs(3)
    box = torch.tensor([[3.0, 3, 30, 28]])
    targets = [{"boxes": box + 7 * n, "labels": torch.tensor([1])} for n in range(3)]
    whole = detection_loss(logits, codes, ANCHORS, targets)
    parts = [loss_sums(logits[k], codes[k], ANCHORS, targets[k]) for k in (slice(0, 1), slice(1, 3))]
    divisor = sum(count for _, count in parts) + 1
    torch.testing.assert_close(sum(sums["class"] for sums, _ in parts) / divisor, whole["class"])
    torch.testing.assert_close(50 * sum(sums["box"] for sums, _ in parts) / (4 * divisor), whole["box"])
