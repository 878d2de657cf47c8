"""One step with a batch of any size: its parts are read one after another, by one process or shared by several.

The gradient is that of the whole batch: the losses of all parts are added up before they are divided. Batch
normalisation takes the statistics of each part, over all processes together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nas.detectors import Network
from nas.training.flat import FlatWeights
from nas.training.ranks import Ranks
from nas.training.step import Batch, apply_gradients

PRECISIONS: Mapping[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Name -> type in which the network computes; losses, weights and gradients are float32."""


class NotFinite(ArithmeticError):
    """The loss or the gradient of a step is not finite; no weight has been changed."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a step works with.

    Attributes:
        network: what learns; its weights are views of ``weights``.
        forward: what computes its raw outputs: the network itself, or a compiled one.
        weights, optimiser: as in :func:`nas.training.flat.flat_weights`.
        precision: one of ``PRECISIONS``.
        clip_norm: longest allowed gradient; None does not clip.
        ranks: the processes that share the batch.
    """

    network: Network
    forward: Callable[[Tensor], Any]
    weights: FlatWeights
    optimiser: torch.optim.Optimizer
    precision: str = "float32"
    clip_norm: float | None = None
    ranks: Ranks = field(default_factory=Ranks)


def make_whole_step(work: Work, parts: Iterable[Batch]) -> dict[str, float]:
    """Learn from the parts of one batch; see :func:`gather_gradients`."""
    losses = gather_gradients(work, parts)
    apply_gradients(work.optimiser, work.clip_norm)
    return losses


def gather_gradients(work: Work, parts: Iterable[Batch]) -> dict[str, float]:
    """Let the weights have the gradient of the whole batch.

    Args:
        parts: this process's; every process has as many.

    Returns:
        The losses of the whole batch before the step, by term.

    Raises:
        NotFinite: their sum is not finite.
    """
    work.optimiser.zero_grad(set_to_none=False)
    sums: dict[str, Tensor] = {}
    divisor = torch.zeros((), device=work.weights.kernels.device)
    for images, targets in parts:
        terms, count = losses_of_part(work, images, targets)
        torch.stack(list(terms.values())).sum().backward()
        divisor += count
        for name, value in terms.items():
            sums[name] = sums.get(name, 0) + value.detach()
    totals = torch.stack([divisor, *sums.values()])
    gradients = [weights.grad for weights in (work.weights.kernels, work.weights.others)]
    work.ranks.add_up(totals, *(one for one in gradients if one is not None))
    whole = totals[0] + work.network.divisor_of_whole
    losses = dict(zip(sums, (totals[1:] / whole).tolist()))
    if not math.isfinite(sum(losses.values())):
        raise NotFinite(", ".join(f"{name} {value:g}" for name, value in losses.items()))
    for gradient in gradients:
        if gradient is not None:
            gradient.div_(whole)
    return losses


def losses_of_part(
    work: Work, images: Tensor, targets: Sequence[Mapping[str, Tensor]]
) -> tuple[dict[str, Tensor], Tensor]:
    """What :meth:`Network.loss_of_part` gives for images [B, 3, S, S], computed in the precision of ``work``."""
    low = work.precision != "float32"
    with torch.autocast(images.device.type, PRECISIONS[work.precision]) if low else nullcontext():
        raw = work.forward(images)
    return work.network.loss_of_part(as_float(raw) if low else raw, targets)


def as_float(raw: Any) -> Any:
    """Raw outputs with all their tensors in float32."""
    if isinstance(raw, Mapping):
        return {key: as_float(value) for key, value in raw.items()}
    return raw.float() if isinstance(raw, Tensor) and raw.is_floating_point() else raw
