"""Batch normalisation in several processes uses the statistics of all of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import distributed, multiprocessing, nn

from nas.detectors import Scaling
from nas.detectors.layers import BatchNorm, initialise_kernel, max_pool, resize_nearest
from nas.detectors.scaling import PROXY

SCALING = Scaling(bn_epsilon=1e-3, bn_momentum=0.1)
SHAPE = (6, 4, 5, 3)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(SHAPE, generator=generator) * 3 + 2, torch.randn(SHAPE, generator=generator)


def run(x: torch.Tensor, weights: torch.Tensor) -> dict[str, torch.Tensor]:
    """Output, statistics and gradients of one process's share."""
    norm = BatchNorm(SHAPE[1], SCALING)
    x = x.clone().requires_grad_()
    y = norm(x)
    (y * weights).sum().backward()
    return {
        "output": y.detach(),
        "mean": norm.running_mean,
        "variance": norm.running_var,
        "gradient": x.grad,
        "weight_gradient": norm.weight.grad,
    }


def process(rank: int, port: int, folder: str) -> None:
    distributed.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.set_num_threads(1)
    x, weights = batch()
    share = slice(0, 2) if rank == 0 else slice(2, 6)  # unequal shares
    torch.save(run(x[share], weights[share]), Path(folder) / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_normalise_as_one(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(process, (port, str(tmp_path)), nprocs=2)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    whole = run(*batch())
    for name in ("output", "gradient"):
        torch.testing.assert_close(torch.cat([first[name], second[name]]), whole[name], atol=1e-5, rtol=1e-4)
    for name in ("mean", "variance"):
        torch.testing.assert_close(first[name], whole[name])
        torch.testing.assert_close(second[name], whole[name])
    both = first["weight_gradient"] + second["weight_gradient"]
    torch.testing.assert_close(both, whole["weight_gradient"], atol=1e-5, rtol=1e-4)


def test_batch_norm_is_torchs() -> None:
    ours, theirs = BatchNorm(5, PROXY), nn.BatchNorm2d(5, PROXY.bn_epsilon, PROXY.bn_momentum)
    x = torch.randn(2, 5, 3, 3) * 3 + 1
    torch.testing.assert_close(ours(x), theirs(x))
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_a_single_position_gives_the_offset() -> None:
    norm = BatchNorm(3, PROXY)
    norm.bias.data.fill_(2.0)
    assert norm(torch.full((1, 3, 1, 1), 7.0)).flatten().tolist() == pytest.approx([2, 2, 2], abs=1e-4)
    torch.testing.assert_close(norm.running_mean, torch.full((3,), 7 * PROXY.bn_momentum))
    torch.testing.assert_close(norm.running_var, torch.full((3,), 1 - PROXY.bn_momentum))


def test_kernels_start_with_unit_gain() -> None:
    weight = torch.empty(64, 100, 3, 3)
    initialise_kernel(weight)
    assert weight.std().item() == pytest.approx(900**-0.5, rel=0.02)
    assert weight.abs().max() <= 2 * 900**-0.5 / 0.8796


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.sampled_from([3, 5]), st.integers(1, 6))
def test_max_pool_pads_as_little_as_possible_and_the_rest_at_the_end(h: int, w: int, kernel: int, stride: int) -> None:
    x = torch.randn(2, 3, h, w)
    padding = []
    for length in (w, h):
        total = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        padding += [total // 2, total - total // 2]
    expected = F.max_pool2d(F.pad(x, padding, value=float("-inf")), kernel, stride)
    assert torch.equal(max_pool(x, (kernel, kernel), (stride, stride)), expected)


def test_resize_reads_the_position_rounded_down() -> None:
    x = torch.arange(2.0).view(1, 1, 1, 2)
    assert resize_nearest(x, (1, 3)).flatten().tolist() == [0, 0, 1]
    assert resize_nearest(torch.arange(3.0).view(1, 1, 1, 3), (1, 2)).flatten().tolist() == [0, 1]
