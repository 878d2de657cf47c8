"""Training batches from a data set, without end."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor

from nas.datasets.augment import AugmentSettings, RawBatch, read_batch, to_device
from nas.datasets.dataset import DetectionData, check_masks
from nas.training.order import pick_batch

_AHEAD = 2


def batches(
    data: DetectionData,
    indices: Sequence[int],
    batch_size: int,
    settings: AugmentSettings,
    seed: int,
    device: torch.device | str = "cpu",
    *,
    masks: bool = False,
    first_step: int = 0,
    rank: int = 0,
    ranks: int = 1,
) -> Iterator[tuple[Tensor, list[dict[str, Tensor]]]]:
    """Images [B, 3, S, S] and targets, batch after batch; see :mod:`nas.training.order` for which.

    For a device of its own, a thread reads ahead while the device works; on a CPU that would only take time from the
    training.

    Args:
        indices: the images of the data set to train on.
        batch_size: images in a batch, over all ranks.
        seed: of the order and the variation.
        masks: whether the targets have masks; a network says whether it needs them (``Network.needs_masks``).
        first_step: the batch to begin with; a training that goes on gives the number of steps it has made.
        rank, ranks: which slice of every batch is read here.

    Raises:
        DataError: masks are asked for and an object to train on has none.
    """
    device = torch.device(device)
    if masks:
        check_masks(data, indices)

    def read(step: int) -> RawBatch:
        picks = pick_batch(seed, step, len(indices), batch_size, rank, ranks)
        return read_batch(data, [replace(pick, image=indices[pick.image]) for pick in picks], settings, masks)

    raw = map(read, itertools.count(first_step))
    if device.type == "cuda":
        raw = map(_pin, raw)
    return (to_device(batch, device) for batch in (raw if device.type == "cpu" else read_ahead(raw)))


def read_ahead(source: Iterator[RawBatch]) -> Iterator[RawBatch]:
    """The same batches in the same order, read by a thread up to ``_AHEAD`` batches early."""
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[RawBatch | None]] = [pool.submit(next, source, None) for _ in range(_AHEAD)]
        while (batch := waiting.pop(0).result()) is not None:
            waiting.append(pool.submit(next, source, None))
            yield batch


def _pin(batch: RawBatch) -> RawBatch:
    return replace(batch, images=batch.images.pin_memory())
