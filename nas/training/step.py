"""One step of a training: loss, gradients, new weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from nas.detectors import Network

Batch = tuple[Tensor, Sequence[Mapping[str, Tensor]]]
"""Images [B, 3, S, S] and per image a target: ``boxes`` [n, 4], ``labels`` [n] and, for Mask R-CNN, ``masks``."""


def make_step(
    network: Network, optimiser: torch.optim.Optimizer, batch: Batch, clip_norm: float | None = None
) -> Tensor:
    """Learn from one batch.

    Args:
        optimiser: of the network's weights, or of the flat ones that these are views of
            (:func:`nas.training.flat.flat_weights`).
        clip_norm: longest allowed gradient over all parameters; None does not clip.

    Returns:
        The sum of the losses before the step, a scalar on the network's device, detached.
    """
    images, targets = batch
    loss = torch.stack(list(network.loss(network(images), targets).values())).sum()
    optimiser.zero_grad(set_to_none=False)  # the gradients may be views of flat ones
    loss.backward()
    apply_gradients(optimiser, clip_norm)
    return loss.detach()


def apply_gradients(optimiser: torch.optim.Optimizer, clip_norm: float | None) -> None:
    """Clip the gradients where that is asked for, and make a step with them."""
    if clip_norm is not None:
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        nn.utils.clip_grad_norm_(weights, clip_norm)
    optimiser.step()
