"""A batch in parts, or shared by processes, gives the gradient of the whole batch."""

import itertools
from pathlib import Path

import pytest
import torch
from torch import distributed

from nas.detectors.layers import BatchNorm
from nas.training.accumulate import NotFinite, Work, gather_gradients, make_whole_step
from nas.training.flat import flat_weights
from nas.training.optimiser import OptimiserSettings, build_optimiser, set_learning_rate
from nas.training.ranks import Ranks
from tests.training.trainer_support import in_two_processes
from tests.training.training_support import tiny_detector

SETTINGS = OptimiserSettings("sgd", clip_norm=None)


def make_batch() -> tuple[torch.Tensor, list[dict[str, torch.Tensor]]]:
    """Four images with 0 to 3 objects each."""
    torch.manual_seed(5)
    images, targets = torch.randn(4, 3, 64, 64), []
    for count in range(4):
        corner = torch.rand(count, 2) * 30
        boxes = torch.cat([corner, corner + 5 + torch.rand(count, 2) * 25], dim=1)
        targets.append({"boxes": boxes, "labels": torch.randint(1, 4, (count,))})
    return images, targets


def shares(*sizes: int) -> list[tuple[torch.Tensor, list[dict[str, torch.Tensor]]]]:
    images, targets = make_batch()
    ends = torch.tensor([0, *sizes]).cumsum(0).tolist()
    return [(images[a:b], targets[a:b]) for a, b in itertools.pairwise(ends)]


def gradient(parts, training: bool, ranks: Ranks | None = None, precision: str = "float32"):
    """Losses, gradients and statistics after the parts."""
    network = tiny_detector().train(training)
    with flat_weights(network) as weights:
        optimiser = build_optimiser(weights, SETTINGS)
        work = Work(network, network, weights, optimiser, precision, None, ranks or Ranks())
        losses = gather_gradients(work, parts)
        return losses, torch.cat([weights.kernels.grad[0], weights.others.grad]), weights.statistics.clone()


def test_parts_have_the_gradient_of_the_whole():
    whole, parts = (gradient(shares(*sizes), training=False) for sizes in ((4,), (1, 3)))
    network = tiny_detector().eval()
    images, targets = make_batch()
    expected = network.loss(network(images), targets)
    for name, value in expected.items():
        assert whole[0][name] == pytest.approx(value.item(), rel=1e-6)
        assert parts[0][name] == pytest.approx(value.item(), rel=1e-5)
    torch.testing.assert_close(parts[1], whole[1], rtol=1e-4, atol=1e-6)
    sum(expected.values()).backward()
    norm = torch.stack([p.grad.norm() for p in network.parameters()]).norm()
    assert whole[1].norm().item() == pytest.approx(norm.item(), rel=1e-5)


@pytest.mark.parametrize("head", ["mask_rcnn", "classifier"])
def test_heads_that_divide_by_images_weigh_parts_by_them(head):
    network = tiny_detector(head=head).eval()
    images, targets = make_batch()
    if head == "classifier":
        targets = [{"labels": torch.tensor([1])} for _ in targets]
    targets = [target | {"masks": torch.ones(len(target["labels"]), 64, 64)} for target in targets]
    torch.manual_seed(1)
    expected = network.loss(network(images), targets)
    with flat_weights(network) as weights:
        work = Work(network, network, weights, build_optimiser(weights, SETTINGS))
        torch.manual_seed(1)
        losses = gather_gradients(work, [(images, targets)])
        assert losses == pytest.approx({name: value.item() for name, value in expected.items()}, rel=1e-5)
        assert weights.kernels.grad.abs().sum() > 0
        assert gather_gradients(work, [(images[:1], targets[:1]), (images[1:], targets[1:])]).keys() == losses.keys()


def process(ranks: Ranks, folder: Path) -> None:
    assert (ranks.count, ranks.agree(10.0 + ranks.rank)) == (2, 10.0)
    losses, gradients, statistics = gradient([shares(1, 3)[ranks.rank]], training=True, ranks=ranks)
    torch.save({"losses": losses, "gradients": gradients, "statistics": statistics}, folder / f"{ranks.rank}.pt")


@pytest.mark.skipif(not distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_make_the_step_of_one(tmp_path):
    in_two_processes(process, tmp_path)
    losses, gradients, statistics = gradient(shares(4), training=True)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found["losses"] == pytest.approx(losses, rel=1e-4)
        scale = gradients.abs().max().item()
        torch.testing.assert_close(found["gradients"], gradients, rtol=1e-3, atol=1e-4 * scale)
        torch.testing.assert_close(found["statistics"], statistics, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_near_float32():
    exact, low = (gradient(shares(4), training=False, precision=name) for name in ("float32", "bfloat16"))
    assert low[0] == pytest.approx(exact[0], rel=0.05)
    assert torch.nn.functional.cosine_similarity(low[1], exact[1], dim=0) > 0.95


def test_what_is_not_finite_changes_no_weight():
    network = tiny_detector()
    (images, targets), *_ = shares(4)
    with flat_weights(network) as weights:
        optimiser = build_optimiser(weights, SETTINGS)
        set_learning_rate(optimiser, 0.1)
        before = weights.kernels.detach().clone()
        with pytest.raises(NotFinite, match="class nan"):
            make_whole_step(Work(network, network, weights, optimiser), [(images * float("nan"), targets)])
        assert weights.kernels.equal(before)
        make_whole_step(Work(network, network, weights, optimiser), [(images, targets)])
        assert not weights.kernels.equal(before)
    assert any(isinstance(module, BatchNorm) for module in network.modules())
