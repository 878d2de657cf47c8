"""Training batches from a data set, without end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from nas.datasets.augment import AugmentSettings, RawBatch, read_batch, to_device
from nas.datasets.dataset import DetectionData

_AHEAD = 2


def batches(
    data: DetectionData,
    indices: Sequence[int],
    batch_size: int,
    settings: AugmentSettings,
    seed: int,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[Tensor, list[dict[str, Tensor]]]]:
    """Images [B, 3, S, S] and targets; every epoch has its own order and variation, all from the seed.

    A last batch that would be smaller than ``batch_size`` is filled up from the next epoch. For a device of its own,
    a thread reads ahead while the device works; on a CPU that would only take time from the training.
    """
    device = torch.device(device)
    raw = _raw_batches(data, indices, batch_size, settings, seed)
    if device.type != "cpu":
        raw = read_ahead(_pinned(raw) if device.type == "cuda" else raw)
    for batch in raw:
        yield to_device(batch, device)


def read_ahead(source: Iterator[RawBatch]) -> Iterator[RawBatch]:
    """The same batches in the same order, read by a thread up to ``_AHEAD`` batches early."""
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[RawBatch | None]] = [pool.submit(next, source, None) for _ in range(_AHEAD)]
        while (batch := waiting.pop(0).result()) is not None:
            waiting.append(pool.submit(next, source, None))
            yield batch


def _raw_batches(
    data: DetectionData, indices: Sequence[int], batch_size: int, settings: AugmentSettings, seed: int
) -> Iterator[RawBatch]:
    rng = np.random.default_rng(seed)
    waiting: list[int] = []
    while True:
        while len(waiting) < batch_size:
            waiting.extend(rng.permutation(np.asarray(indices)).tolist())
        taken, waiting = waiting[:batch_size], waiting[batch_size:]
        yield read_batch(data, taken, rng, settings)


def _pinned(source: Iterator[RawBatch]) -> Iterator[RawBatch]:
    for batch in source:
        yield RawBatch(batch.images.pin_memory(), batch.targets, batch.scales, batch.shifts)
