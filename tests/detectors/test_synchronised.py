"""Batch normalisation in several processes uses the statistics of all of them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch
from torch import distributed, multiprocessing

from nas.detectors import Scaling
from nas.detectors.blocks import BatchNorm

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
