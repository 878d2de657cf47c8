"""The processes of one training, which ``torchrun`` starts: who this one is, and what they do together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed

from search_spaces.errors import ConfigError

LONGEST_WAIT = timedelta(hours=12)
"""How long the others wait while the first one validates."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """This process among those of a training: ``rank`` of ``count``."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether it validates, writes files and talks."""
        return self.rank == 0

    def add_up(self, *tensors: Tensor) -> None:
        """Put the sum over all processes into each tensor."""
        for tensor in tensors if self.count > 1 else ():
            distributed.all_reduce(tensor)

    def agree(self, value: float) -> float:
        """The first process's value, in all of them."""
        if self.count == 1:
            return value
        device = f"cuda:{torch.cuda.current_device()}" if distributed.get_backend() == "nccl" else "cpu"
        told = torch.tensor([value], dtype=torch.float64, device=device)
        distributed.broadcast(told, 0)
        return float(told)


def under_torchrun() -> bool:
    """Whether ``torchrun`` has started this process."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def local_device(name: str) -> str:
    """``name``, or for ``auto`` and ``cuda`` the GPU that ``torchrun`` has given this process."""
    if under_torchrun() and name in ("auto", "cuda") and torch.cuda.is_available():
        return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return name


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """The processes that ``torchrun`` has started, connected; a process that was started alone is the only one.

    Raises:
        ConfigError: PyTorch has no backend for the device.
    """
    if not under_torchrun():
        yield Ranks()
        return
    if not distributed.is_available():
        raise ConfigError("this PyTorch was built without torch.distributed; start one process, without torchrun.")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=LONGEST_WAIT)
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
