"""One step: the loss before it, weights that move against the gradient, and a gradient no longer than allowed."""

import pytest
import torch

from nas.training.optimiser import OptimiserSettings, build_optimiser, set_learning_rate
from nas.training.step import Batch, make_step
from tests.training.training_support import tiny_detector


def one_batch() -> Batch:
    torch.manual_seed(1)
    return torch.randn(2, 3, 32, 32), [{"boxes": torch.tensor([[4.0, 4, 20, 20]]), "labels": torch.tensor([1])}] * 2


def test_the_loss_falls_on_the_same_batch() -> None:
    detector, batch = tiny_detector().train(), one_batch()
    optimiser = build_optimiser(detector, OptimiserSettings())
    set_learning_rate(optimiser, 0.01)
    losses = [float(make_step(detector, optimiser, batch, 10.0)) for _ in range(10)]
    assert losses[-1] < losses[0]


def test_the_loss_is_the_sum_before_the_step() -> None:
    detector, batch = tiny_detector().train(), one_batch()
    expected = sum(float(value) for value in detector.loss(detector(batch[0]), batch[1]).values())
    loss = make_step(detector, build_optimiser(detector, OptimiserSettings()), batch)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert not loss.requires_grad


@pytest.mark.parametrize("clip_norm", [None, 0.01])
def test_the_gradient_is_cut(clip_norm: float | None) -> None:
    detector = tiny_detector().train()
    make_step(detector, build_optimiser(detector, OptimiserSettings()), one_batch(), clip_norm)
    norm = float(torch.cat([one.grad.flatten() for one in detector.parameters() if one.grad is not None]).norm())
    assert norm > 1 if clip_norm is None else norm == pytest.approx(clip_norm, rel=1e-3)
